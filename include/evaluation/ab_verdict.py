"""
The verdict on an A/B test: the arms compared, and what may not decide. Pure.

Outcomes may be missing for a reason: users who tell their tags only when an answer pleased them
make a worse model look better. So the units with an outcome must split as planned (a sample ratio
mismatch of the analysed units: Fabijan et al., "Diagnosing sample ratio mismatch in online
controlled experiments", KDD 2019), and a gain must remain if missing outcomes count as 0, and if
they count as 1 (after Horowitz and Manski, "Nonparametric analysis of randomized experiments with
missing covariate and outcome data", Journal of the American Statistical Association 95, 2000). Not
detected: two arms that tell equally often but choose differently what they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from include.evaluation.sequential import (
    AnytimeInterval,
    FloatArray,
    SampleRatio,
    StoppingRule,
    aipw_gains,
    confidence_sequence,
    sample_ratio_test,
)

SequentialVerdict = Literal["promote", "stop", "go_on"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Challenger and champion compared on the data so far.

    Parameters
    ----------
    gain : AnytimeInterval
        Of the challenger over the champion in F1@5, over the units with an outcome.
    ratio : SampleRatio or None
        All units of each arm; None in shadow mode, where both models answer every request.
    judged_ratio : SampleRatio or None
        Units with an outcome of each arm.
    gain_if_missing : tuple of AnytimeInterval
        The gain over all units with each missing outcome filled in, by 0 and by 1; empty in shadow
        mode, where an outcome is known for both models or for none.
    """

    gain: AnytimeInterval
    ratio: SampleRatio | None = None
    judged_ratio: SampleRatio | None = None
    gain_if_missing: tuple[AnytimeInterval, ...] = ()


def compare_units(
    scores: FloatArray, treated: NDArray[np.bool_], share: float, rule: StoppingRule
) -> Comparison:
    """
    Compare the two arms of a test that shares the traffic.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Outcome of each unit in order of time, in [0, 1]; NaN where it is missing.
    treated : ndarray of bool, shape (n,)
        True where the challenger answered.
    share : float
        Probability of the challenger, in (0, 1).
    rule : StoppingRule
    """
    judged = ~np.isnan(scores)
    return Comparison(
        gain=confidence_sequence(aipw_gains(scores[judged], treated[judged], share), rule),
        ratio=_ratio(treated, share),
        judged_ratio=_ratio(treated[judged], share),
        gain_if_missing=tuple(
            confidence_sequence(aipw_gains(np.where(judged, scores, fill), treated, share), rule)
            for fill in (0.0, 1.0)
        ),
    )


def _ratio(treated: NDArray[np.bool_], share: float) -> SampleRatio:
    challenger = int(treated.sum())
    return sample_ratio_test(len(treated) - challenger, challenger, share)


def sequential_verdict(
    comparison: Comparison, days: float, rule: StoppingRule
) -> tuple[SequentialVerdict, str]:
    """
    Return the verdict on the data so far, and the reason for people.

    A challenger is promoted only if it is better on the units with an outcome, if it still is with
    every missing outcome filled in by 0 or by 1, and if outcomes are missing equally often.

    Parameters
    ----------
    comparison : Comparison
    days : float
        Since the test began.
    rule : StoppingRule
    """
    gain = comparison.gain
    interval = f"gain {gain.mean:+.3f}, between {gain.lower:+.3f} and {gain.upper:+.3f}"
    if fault := _mismatch(comparison, rule):
        return "stop", f"{fault}; the comparison is not valid"
    if gain.count >= rule.min_units:
        if gain.lower > rule.min_gain and _gains_despite_missing(comparison, rule):
            return "promote", f"the challenger is better: {interval} over {gain.count} units"
        if gain.upper < rule.min_gain:
            return "stop", f"the challenger is not better: {interval} over {gain.count} units"
    if days >= rule.max_days:
        return (
            "stop",
            f"no difference in {rule.max_days} days: {interval} over {gain.count} units",
        )
    if gain.count < rule.min_units:
        return "go_on", f"{gain.count} of {rule.min_units} units have an outcome so far"
    if gain.lower > rule.min_gain:
        return "go_on", f"{interval}, which may come from outcomes that are missing"
    return "go_on", f"not significant yet: {interval} over {gain.count} units"


def _mismatch(comparison: Comparison, rule: StoppingRule) -> str | None:
    """Return why the arms cannot be compared, None if they can."""
    ratio, judged = comparison.ratio, comparison.judged_ratio
    if ratio is not None and ratio.evidence > 1 / rule.split_alpha:
        return (
            f"sample ratio mismatch: {ratio.champion} units for the champion, "
            f"{ratio.challenger} for the challenger"
        )
    if ratio is not None and judged is not None and judged.evidence > 1 / rule.split_alpha:
        return (
            "outcomes are missing not at random: known are those of "
            f"{judged.champion} of {ratio.champion} units of the champion and "
            f"{judged.challenger} of {ratio.challenger} of the challenger"
        )
    return None


def _gains_despite_missing(comparison: Comparison, rule: StoppingRule) -> bool:
    """Return whether missing outcomes cannot be the reason of the gain."""
    judged = comparison.judged_ratio
    balanced = judged is None or judged.evidence <= 1 / rule.alpha
    return balanced and all(filled.lower > 0 for filled in comparison.gain_if_missing)


def verdict_without_any_key(
    compare: Callable[[NDArray[np.bool_]], Comparison],
    keys: Sequence[str | None],
    days: float,
    rule: StoppingRule,
    trusted: frozenset[str] = frozenset(),
) -> tuple[SequentialVerdict, str]:
    """
    Return the verdict on all units if it also holds without the units of any single API key.

    Parameters
    ----------
    compare : callable
        Compares the units that a boolean array of shape (n,) selects.
    keys : sequence of (str or None), length n
        API key of each unit; None if the service ran without keys, on loopback.
    days : float
        Since the test began.
    rule : StoppingRule
    trusted : frozenset of str
        Keys that may decide alone.
    """
    by_unit = np.array([key or "" for key in keys], dtype=object)
    verdict, reason = sequential_verdict(compare(np.ones(len(keys), dtype=np.bool_)), days, rule)
    if verdict == "go_on" or (days >= rule.max_days and verdict == "stop"):
        return verdict, reason
    for key in sorted({key for key in keys if key is not None} - trusted):
        others, _ = sequential_verdict(compare(by_unit != key), days, rule)
        if others != verdict:
            verdict, reason = (
                "go_on",
                f"without the API key {key} the verdict would not be: {reason}",
            )
            break
    if verdict == "go_on" and days >= rule.max_days:
        return "stop", f"no verdict in {rule.max_days} days; {reason}"
    return verdict, reason
