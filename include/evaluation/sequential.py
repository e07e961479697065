"""
The A/B rule: may be looked at every day, and errs at most as often as it was set to.

Pure: outcomes in, intervals and a verdict out. Sources of the formulas:

* confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit
  theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2 and
  equation (10) for the width's tuning. It holds at all sample sizes at once, so that looking
  daily and stopping at will costs no error.
* unpaired difference: the same paper, section 3: augmented inverse-probability-weighted outcomes,
  each arm's running mean standing in for a regression.
* split of the traffic: Lindon and Malek, "Anytime-valid inference for multinomial count data",
  NeurIPS 2022: a Dirichlet mixture against the share that was set; beside it, for people, the
  chi-square test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import chi2

Verdict = Literal["promote", "stop", "go_on"]
FloatArray = NDArray[np.float64]

SPLIT_PRIOR: Final = 100.0
"""Weight of the split that was set, in units, in the mixture that looks for another one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """
    How sure the verdict must be.

    Parameters
    ----------
    alpha : float, default=0.05
        Chance, over the whole test, that the interval ever misses the true difference.
    split_alpha : float, default=0.001
        Chance, over the whole test, that a sound split is called broken.
    min_gain : float, default=0.0
        F1@5 that the challenger must be better by.
    min_units : int, default=200
        Judged units before the first verdict: the sequence is asymptotic.
    max_days : int, default=28
        After so many days without a difference the test stops: the champion is good enough.
    tuned_for : int, default=1000
        Units at which the interval is tightest.
    """

    alpha: float = 0.05
    split_alpha: float = 0.001
    min_gain: float = 0.0
    min_units: int = 200
    max_days: int = 28
    tuned_for: int = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of ``count`` outcomes and the bounds that hold at all counts at once."""

    count: int
    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Split:
    """
    How the traffic was shared.

    ``evidence`` is the e-value against the share that was set: above 1/alpha it is refused, at
    whatever moment one looks. ``chi_square_p`` is the p-value of a single look.
    """

    champion: int
    challenger: int
    evidence: float
    chi_square_p: float


def confidence_sequence(values: FloatArray, rule: Rule) -> Interval:
    """
    Return the interval of the mean of ``values``, valid at every length of theirs.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Outcomes in the order in which they came; independent.
    rule : Rule
        ``alpha`` and ``tuned_for`` are used.

    Returns
    -------
    Interval
        Unbounded where n < 2 or all values are the same so far.
    """
    count = len(values)
    if count < 2:
        return Interval(count, float(values.mean()) if count else 0.0, -math.inf, math.inf)
    mean, deviation = float(values.mean()), float(values.std())
    if deviation < 1e-9:
        return Interval(count, mean, -math.inf, math.inf)
    log_alpha = -2 * math.log(rule.alpha)
    rho2 = (log_alpha + math.log(log_alpha) + 1) / rule.tuned_for
    scaled = count * rho2 + 1
    width = deviation * math.sqrt(
        2 * scaled / (count**2 * rho2) * math.log(math.sqrt(scaled) / rule.alpha)
    )
    return Interval(count, mean, mean - width, mean + width)


def weighted_differences(
    outcomes: FloatArray, treated: NDArray[np.bool_], share: float
) -> FloatArray:
    """
    Return one estimate of the challenger's gain per unit, whose mean is unbiased for the gain.

    Parameters
    ----------
    outcomes : ndarray of float, shape (n,)
        In the order in which the units came.
    treated : ndarray of bool, shape (n,)
        True where the challenger answered.
    share : float
        Chance with which it did, in (0, 1).
    """
    gains = np.empty(len(outcomes))
    sums, counts = [0.5, 0.5], [1.0, 1.0]
    for place, (outcome, arm) in enumerate(zip(outcomes, treated, strict=True)):
        # Only what came before may predict this unit, else the estimate would be biased.
        expected = [sums[0] / counts[0], sums[1] / counts[1]]
        surprise = float(outcome) - expected[int(arm)]
        weight = 1 / share if arm else -1 / (1 - share)
        gains[place] = expected[1] - expected[0] + weight * surprise
        sums[int(arm)] += float(outcome)
        counts[int(arm)] += 1
    return gains


def check_split(champion: int, challenger: int, share: float) -> Split:
    """
    Return whether so many units in each arm fit the ``share`` that was set, in (0, 1).

    Examples
    --------
    >>> check_split(500, 500, 0.5).evidence < 1 < 1000 < check_split(600, 400, 0.5).evidence
    True
    """
    total = champion + challenger
    prior = SPLIT_PRIOR * share, SPLIT_PRIOR * (1 - share)
    log_evidence = (
        float(betaln(prior[0] + challenger, prior[1] + champion) - betaln(*prior))
        - challenger * math.log(share)
        - champion * math.log(1 - share)
    )
    if total == 0:
        return Split(0, 0, 1.0, 1.0)
    expected = total * share
    statistic = (challenger - expected) ** 2 / (total * share * (1 - share))
    return Split(
        champion, challenger, math.exp(min(log_evidence, 700.0)), float(chi2.sf(statistic, df=1))
    )


def decide(gain: Interval, split: Split | None, days: float, rule: Rule) -> tuple[Verdict, str]:
    """
    Return the verdict of today's look and, for people, the reason.

    Parameters
    ----------
    gain : Interval
        Of the challenger over the champion, in F1@5.
    split : Split or None
        None in shadow mode, where both answer everything.
    days : float
        Since the test began.
    rule : Rule
    """
    shown = f"gain {gain.mean:+.3f}, between {gain.lower:+.3f} and {gain.upper:+.3f}"
    if split is not None and split.evidence > 1 / rule.split_alpha:
        return "stop", (
            f"the split is broken: {split.champion} units for the champion, {split.challenger} for "
            "the challenger; no comparison can be trusted"
        )
    if gain.count >= rule.min_units:
        if gain.lower > rule.min_gain:
            return "promote", f"the challenger is better: {shown} over {gain.count} units"
        if gain.upper < rule.min_gain:
            return "stop", f"the challenger is not better: {shown} over {gain.count} units"
    if days >= rule.max_days:
        return "stop", f"no difference in {rule.max_days} days: {shown} over {gain.count} units"
    if gain.count < rule.min_units:
        return "go_on", f"{gain.count} of {rule.min_units} units are judged so far"
    return "go_on", f"not sure yet: {shown} over {gain.count} units"
