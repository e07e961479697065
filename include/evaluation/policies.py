"""
Backtest of retraining policies, and the recommended one. Pure.

A policy determines, for each month, which model is in use: the one trained before the month
(monthly), before its quarter, before the first month (frozen), or after the last alarm (on drift).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import MissingDataError
from include.evaluation.bootstrap import bootstrap_means, percentile_interval
from include.evaluation.decay import PairScores
from include.evaluation.metrics import DEPTH
from include.evaluation.other_years import loss_in_other_years
from include.retraining import REFRESHES, STUDIED

FloatArray = NDArray[np.float64]

TOLERANCE: Final = 0.01
"""Loss of F1@5 against monthly retraining that may be tolerated."""


@dataclass(frozen=True, slots=True)
class PolicyCurve:
    """
    F1@5 over all questions, month by month, under one policy.

    Parameters
    ----------
    policy : str
        One of `include.retraining.STUDIED`, `REFRESHES` or `WITHOUT_RARE_TAGS`.
    months : tuple of str, length n
        Test months.
    models : tuple of str, length n
        Model month of the model in use in each.
    f1, low, high : tuple of float, length n
        Mean and its bootstrap interval (95 %), in [0, 1].
    trainings : int
        Trainings under the policy, including the first one.
    mean : float
        Over all questions of all months, in [0, 1].
    loss, loss_low, loss_high : float
        F1@5 of monthly retraining minus that of the policy on the same questions, with its
        bootstrap interval (95 %); negative where the policy is better than monthly retraining.
        The interval is of the questions of these months.
    other_low, other_high : float
        Interval (95 %) of the loss in other years like this one, whose units are the months; see
        `other_years.loss_in_other_years`. NaN in reports of earlier releases.
    seconds : float
        That all its fits took by the clock; NaN where that of one is not known.
    """

    policy: str
    months: tuple[str, ...]
    models: tuple[str, ...]
    f1: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    trainings: int
    mean: float
    loss: float
    loss_low: float
    loss_high: float
    other_low: float = math.nan
    other_high: float = math.nan
    seconds: float = math.nan

    @property
    def known(self) -> bool:
        """
        Whether these months tell what happens in other years.

        Of a policy with fewer trainings than months: that it loses, or loses little. Of others:
        that they gain, or gain little.
        """
        if self.trainings < len(self.months):
            return self.other_low > 0 or self.other_high <= TOLERANCE
        return self.other_high < 0 or self.other_low >= -TOLERANCE


def models_in_use(
    policy: str, months: Sequence[str], alarms: Collection[str] = ()
) -> tuple[str, ...]:
    """
    Return the model month in use in each of ``months`` under a policy.

    Parameters
    ----------
    policy : str
        One of `include.retraining.STUDIED`.
    months : sequence of str
        Consecutive, at least one; the model of the first is trained under every policy.
    alarms : collection of str
        Months with a drift alarm. It is raised at the end of the month, so that the new model is
        in use from the next month. Only for ``on_drift``.

    Examples
    --------
    >>> models_in_use("on_drift", ["2024-01", "2024-02", "2024-03"], {"2024-01"})
    ('2024-01', '2024-02', '2024-02')
    >>> models_in_use("quarterly", ["2024-02", "2024-03", "2024-04"])
    ('2024-02', '2024-02', '2024-04')
    """
    rule = STUDIED[policy]
    in_use = [months[0]]
    for before, month in pairwise(months):
        scheduled = int(month[5:]) in rule.scheduled_months
        retrain = scheduled or (rule.on_drift and before in alarms)
        in_use.append(month if retrain else in_use[-1])
    return tuple(in_use)


def policy_curves(
    pairs: PairScores,
    months: Sequence[str],
    alarms: Collection[str],
    *,
    samples: int,
    seed: int,
) -> dict[str, PolicyCurve]:
    """
    Return each policy's curve over ``months``, all with the same resamples.

    Raises
    ------
    MissingDataError
        If a pair that a policy needs was not evaluated; the message names its two months.
    """
    random = np.random.default_rng(seed)
    used = {policy: models_in_use(policy, months, alarms) for policy in STUDIED}
    sizes = np.array([len(_scores(pairs, month, month)) for month in months], dtype=np.float64)
    weights = sizes / sizes.sum()
    means: dict[str, list[float]] = {policy: [] for policy in STUDIED}
    draws: dict[str, list[FloatArray]] = {policy: [] for policy in STUDIED}
    for position, month in enumerate(months):
        models = sorted({used[policy][position] for policy in STUDIED})
        rows = {model: _scores(pairs, model, month) for model in models}
        resampled = bootstrap_means(np.stack(list(rows.values())), samples, random)
        for policy in STUDIED:
            model = used[policy][position]
            means[policy].append(float(rows[model].mean()))
            draws[policy].append(resampled[models.index(model)])
    curves = {}
    for policy, rule in STUDIED.items():
        low, high = loss_in_other_years(
            pairs, months, used[policy], weights, on_drift=rule.on_drift
        )
        found = _curve(policy, months, used[policy], means, draws, weights)
        curves[policy] = replace(found, other_low=low, other_high=high)
    return curves


def recommend(
    curves: Mapping[str, PolicyCurve],
    refreshes: Mapping[str, PolicyCurve] | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[str, str]:
    """
    Return the policy with the fewest trainings and a tolerable loss, and the reason in a sentence.

    A rule of refreshes is recommended instead if it surely gains more than what may be lost.

    Parameters
    ----------
    curves : mapping of policy to PolicyCurve
    refreshes : mapping of rule to PolicyCurve or None
        With refreshes within the month, if they were studied.
    tolerance : float, default=0.01
        Tolerable loss of F1@5 against monthly retraining: the upper end of the loss's interval must
        not exceed it (a non-inferiority criterion).
    """
    if len(curves["monthly"].months) == 1:
        return "monthly", "One month is not enough to recommend a policy: request more months."
    refreshed = tuple((refreshes or {}).values())
    if gaining := [curve for curve in refreshed if curve.loss_high < -tolerance]:
        best = min(gaining, key=lambda curve: (curve.trainings, curve.loss))
        return best.policy, (
            f"Retrain {_lowered(REFRESHES[best.policy])}: {best.trainings} trainings instead of "
            f"{curves['monthly'].trainings} gain {_gain(best)} F1@5 over retraining every month "
            "without refreshes (95 %); a model frozen at the start loses "
            f"{_loss(curves['frozen'])}."
        )
    tolerable = [curve for curve in curves.values() if curve.loss_high <= tolerance]
    best = min(tolerable, key=_cost, default=curves["monthly"])
    frozen = curves["frozen"]
    title = STUDIED[best.policy].title.lower()
    advice = "Do not retrain within the year" if best.policy == "frozen" else f"Retrain {title}"
    if best.policy == "monthly":
        runner_up = min(
            (curve for curve in curves.values() if curve.policy != "monthly"),
            key=lambda curve: curve.loss,
        )
        reason = (
            f"the next best policy ({runner_up.policy.replace('_', ' ')}, "
            f"{runner_up.trainings} trainings) "
            f"may lose up to {runner_up.loss_high:.3f} F1@5"
        )
    else:
        reason = (
            f"{best.trainings} trainings instead of {curves['monthly'].trainings}, and at most "
            f"{max(best.loss_high, 0.0):.3f} F1@5 lost against monthly retraining (95 %)"
        )
    return best.policy, (
        f"{advice}: {reason}; a model frozen at the start loses {_loss(frozen)}."
        f"{_other_years(best, tolerance)}{_gain_of_refreshes(refreshed, tolerance)}"
    )


def _lowered(title: str) -> str:
    return title[0].lower() + title[1:]


def _loss(curve: PolicyCurve) -> str:
    return _with_interval(curve.loss, curve.loss_low, curve.loss_high)


def _gain(curve: PolicyCurve) -> str:
    return _with_interval(-curve.loss, -curve.loss_high, -curve.loss_low)


def _with_interval(value: float, low: float, high: float) -> str:
    # True minus signs, as in the tables of the page
    return f"{value:.3f} [{low:.3f}, {high:.3f}]".replace("-", "\N{MINUS SIGN}")


def _gain_of_refreshes(refreshed: Sequence[PolicyCurve], tolerance: float) -> str:
    """Return a sentence on the best refreshes, which are not recommended; empty without any."""
    if not refreshed:
        return ""
    best = max(refreshed, key=lambda curve: curve.mean)
    return (
        f" Of the refreshes within the month, the best ({_lowered(REFRESHES[best.policy])}, "
        f"{best.trainings} trainings) gain {_gain(best)} over retraining every month, not surely "
        f"more than {tolerance:.2f}."
    )


def _other_years(best: PolicyCurve, tolerance: float) -> str:
    """Return a sentence on what these months cannot tell; empty if they tell enough."""
    if best.policy == "monthly" or best.other_high <= tolerance:
        return ""
    if not math.isfinite(best.other_high):
        return " These months are too few to say what it loses in another year."
    return (
        f" In another year it may lose up to {best.other_high:.3f}, with a release that these "
        "months did not see."
    )


def _cost(curve: PolicyCurve) -> tuple[int, float, bool, int]:
    """Return what policies are chosen by; of equals, the one that needs the least machinery."""
    rule = STUDIED[curve.policy]
    return curve.trainings, curve.loss, rule.on_drift, len(rule.scheduled_months)


def _scores(pairs: PairScores, model_month: str, test_month: str) -> FloatArray:
    """Return F1@5 of every question; MissingDataError names a pair that was not evaluated."""
    try:
        return pairs[model_month, test_month].f1_all(DEPTH)
    except KeyError:
        raise MissingDataError(
            f"the model of {model_month} was not tested on {test_month}: run stability_month for "
            f"{model_month} and {test_month}"
        ) from None


def _curve(
    policy: str,
    months: Sequence[str],
    models: tuple[str, ...],
    means: Mapping[str, list[float]],
    draws: Mapping[str, list[FloatArray]],
    weights: FloatArray,
) -> PolicyCurve:
    """Return one policy's curve; ``weights`` is each month's share of the questions."""
    intervals = [percentile_interval(draw) for draw in draws[policy]]
    losses = weights @ (np.array(draws["monthly"]) - np.array(draws[policy]))
    loss_low, loss_high = percentile_interval(losses)
    return PolicyCurve(
        policy=policy,
        months=tuple(months),
        models=models,
        f1=tuple(means[policy]),
        low=tuple(low for low, _ in intervals),
        high=tuple(high for _, high in intervals),
        trainings=len(set(models)),
        mean=float(weights @ np.array(means[policy])),
        loss=float(weights @ (np.array(means["monthly"]) - np.array(means[policy]))),
        loss_low=loss_low,
        loss_high=loss_high,
    )
