"""
What each rule of retraining would have given, and which one to take. Pure.

A rule decides, for each month of the year, which model answers: the one trained before the month
(monthly), before its quarter, before the year (frozen), or after the last alarm (on drift).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import MissingDataError
from include.evaluation.decay import PairScores, interval, resampled_means
from include.evaluation.metrics import DEPTH

FloatArray = NDArray[np.float64]

POLICIES: Final = ("frozen", "quarterly", "on_drift", "monthly")


@dataclass(frozen=True, slots=True)
class PolicyCurve:
    """
    F1@5 over all questions, month by month, under one rule.

    Parameters
    ----------
    policy : str
        One of POLICIES.
    months : tuple of str, length n
        Test months.
    models : tuple of str, length n
        Model month of the model that answered in each.
    f1, low, high : tuple of float, length n
        Mean and the bootstrap's interval (95 %), in [0, 1].
    trainings : int
        Trainings that the rule took, the first one included.
    mean : float
        Over all questions of all months, in [0, 1].
    loss, loss_low, loss_high : float
        What monthly retraining has more on the same questions, with its interval (95 %);
        negative where the rule did better than monthly.
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


def models_in_use(
    policy: str, months: Sequence[str], alarms: Collection[str] = ()
) -> tuple[str, ...]:
    """
    Return the model month in use in each of ``months`` under a rule.

    Parameters
    ----------
    policy : str
        One of POLICIES.
    months : sequence of str
        Consecutive, at least one; the model of the first is trained under every rule.
    alarms : collection of str
        Months in which drift was found: seen when the month is over, so that the next month has
        the new model. Only ``on_drift`` reads it.

    Examples
    --------
    >>> models_in_use("on_drift", ["2024-01", "2024-02", "2024-03"], {"2024-01"})
    ('2024-01', '2024-02', '2024-02')
    >>> models_in_use("quarterly", ["2024-02", "2024-03", "2024-04"])
    ('2024-02', '2024-02', '2024-04')
    """
    in_use = [months[0]]
    for before, month in pairwise(months):
        retrain = {
            "frozen": False,
            "monthly": True,
            "quarterly": month[5:] in {"01", "04", "07", "10"},
            "on_drift": before in alarms,
        }[policy]
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
    Return each rule's curve over ``months``, all resampled together.

    Raises
    ------
    MissingDataError
        If a pair that a rule needs was not evaluated; the message names its two months.
    """
    random = np.random.default_rng(seed)
    used = {policy: models_in_use(policy, months, alarms) for policy in POLICIES}
    sizes = np.array([len(_scores(pairs, month, month)) for month in months], dtype=np.float64)
    weights = sizes / sizes.sum()
    means: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    draws: dict[str, list[FloatArray]] = {policy: [] for policy in POLICIES}
    for position, month in enumerate(months):
        models = sorted({used[policy][position] for policy in POLICIES})
        rows = {model: _scores(pairs, model, month) for model in models}
        resampled = resampled_means(list(rows.values()), samples, random)
        for policy in POLICIES:
            model = used[policy][position]
            means[policy].append(float(rows[model].mean()))
            draws[policy].append(resampled[models.index(model)])
    return {
        policy: _curve(policy, months, used[policy], means, draws, weights) for policy in POLICIES
    }


def recommend(curves: Mapping[str, PolicyCurve], tolerance: float = 0.01) -> tuple[str, str]:
    """
    Return the rule with the fewest trainings that surely loses little, and why, in a sentence.

    Parameters
    ----------
    curves : mapping of policy to PolicyCurve
    tolerance : float, default=0.01
        F1@5 that may be lost against monthly retraining: a rule is good enough when the upper end
        of its loss's interval does not pass it.
    """
    if len(curves["monthly"].months) == 1:
        return "monthly", "One month does not tell how often to retrain: ask for more months."
    enough = [curve for curve in curves.values() if curve.loss_high <= tolerance]
    best = min(enough, key=lambda curve: (curve.trainings, curve.loss), default=curves["monthly"])
    frozen = curves["frozen"]
    sentence = {
        "frozen": "Do not retrain within the year",
        "quarterly": "Retrain every quarter",
        "on_drift": "Retrain when drift is found",
        "monthly": "Retrain every month",
    }[best.policy]
    if best.policy == "monthly":
        others = min(
            (curve for curve in curves.values() if curve.policy != "monthly"),
            key=lambda curve: curve.loss,
        )
        reason = (
            f"the next best rule ({others.policy.replace('_', ' ')}, {others.trainings} trainings) "
            f"may lose up to {others.loss_high:.3f} F1@5"
        )
    else:
        reason = (
            f"{best.trainings} trainings instead of {curves['monthly'].trainings}, and at most "
            f"{max(best.loss_high, 0.0):.3f} F1@5 lost against monthly retraining (95 %)"
        )
    return best.policy, (
        f"{sentence}: {reason}; a model frozen at the start loses {frozen.loss:.3f} "
        f"[{frozen.loss_low:.3f}, {frozen.loss_high:.3f}]."
    )


def _scores(pairs: PairScores, model_month: str, test_month: str) -> FloatArray:
    """Return F1@5 of every question; MissingDataError names the pair that was not evaluated."""
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
    """Put one rule's figures together; ``weights`` is each month's share of the questions."""
    intervals = [interval(draw) for draw in draws[policy]]
    losses = weights @ (np.array(draws["monthly"]) - np.array(draws[policy]))
    loss_low, loss_high = interval(losses)
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
