"""
Sequential testing of A/B tests with confidence sequences. Pure: outcomes in, verdicts out.

Anytime-valid: the error rate holds whenever one looks at the data and stops. Sources:

* confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit
  theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2 and
  equation (10) for the tuning of the width: an asymptotic version of the normal mixture of Robbins,
  "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
  Statistics 41 (1970).
* unpaired difference: the same paper, section 3: augmented inverse-probability-weighted (AIPW)
  outcomes, with each arm's running mean in place of a regression.
* sample ratio mismatch: Lindon and Malek, "Anytime-valid inference for multinomial count data",
  NeurIPS 2022: a Dirichlet mixture against the planned share. The chi-square test of a single look
  is reported beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import chi2

SequentialVerdict = Literal["promote", "stop", "go_on"]
FloatArray = NDArray[np.float64]

SPLIT_PRIOR: Final = 100.0
"""Concentration of the Dirichlet mixture around the planned share, in units."""


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """
    The stopping rule of an A/B test.

    Parameters
    ----------
    alpha : float, default=0.05
        Probability, over the whole test, that the interval ever misses the true difference.
    split_alpha : float, default=0.001
        Probability, over the whole test, of a false sample ratio mismatch.
    min_gain : float, default=0.0
        Minimum gain of the challenger in F1@5.
    min_units : int, default=200
        Units with an outcome before the first verdict: the sequence is asymptotic.
    max_days : int, default=28
        Days after which a test without a significant difference stops in favour of the champion.
    tuned_for : int, default=1000
        Units at which the interval is narrowest.
    """

    alpha: float = 0.05
    split_alpha: float = 0.001
    min_gain: float = 0.0
    min_units: int = 200
    max_days: int = 28
    tuned_for: int = 1000


@dataclass(frozen=True, slots=True)
class AnytimeInterval:
    """The mean of ``count`` outcomes with a confidence interval that is valid at every count."""

    count: int
    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """
    Units per arm, tested for a sample ratio mismatch.

    Parameters
    ----------
    champion, challenger : int
        Units of each arm.
    evidence : float
        E-value against the planned share: above 1/alpha the share is rejected, at any time.
    chi_square_p : float
        P-value of a single look.
    """

    champion: int
    challenger: int
    evidence: float
    chi_square_p: float


def confidence_sequence(values: FloatArray, rule: StoppingRule) -> AnytimeInterval:
    """
    Return the confidence interval of the mean of ``values``, valid at every sample size.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Independent outcomes in order of time.
    rule : StoppingRule
        ``alpha`` and ``tuned_for`` are used.

    Returns
    -------
    AnytimeInterval
        Unbounded where n < 2 or all values are the same so far.
    """
    count = len(values)
    if count < 2:
        return AnytimeInterval(count, float(values.mean()) if count else 0.0, -math.inf, math.inf)
    mean, deviation = float(values.mean()), float(values.std())
    if deviation < 1e-9:
        return AnytimeInterval(count, mean, -math.inf, math.inf)
    log_alpha = -2 * math.log(rule.alpha)
    rho2 = (log_alpha + math.log(log_alpha) + 1) / rule.tuned_for
    scaled = count * rho2 + 1
    width = deviation * math.sqrt(
        2 * scaled / (count**2 * rho2) * math.log(math.sqrt(scaled) / rule.alpha)
    )
    return AnytimeInterval(count, mean, mean - width, mean + width)


def aipw_gains(outcomes: FloatArray, treated: NDArray[np.bool_], share: float) -> FloatArray:
    """
    Return an AIPW estimate of the challenger's gain per unit; their mean is unbiased.

    Parameters
    ----------
    outcomes : ndarray of float, shape (n,)
        In order of time.
    treated : ndarray of bool, shape (n,)
        True where the challenger answered.
    share : float
        Probability of the challenger, in (0, 1).
    """
    gains = np.empty(len(outcomes))
    sums, counts = [0.5, 0.5], [1.0, 1.0]
    for position, (outcome, arm) in enumerate(zip(outcomes, treated, strict=True)):
        # Only earlier units may predict this one, else the estimate would be biased.
        expected = [sums[0] / counts[0], sums[1] / counts[1]]
        residual = float(outcome) - expected[int(arm)]
        weight = 1 / share if arm else -1 / (1 - share)
        gains[position] = expected[1] - expected[0] + weight * residual
        sums[int(arm)] += float(outcome)
        counts[int(arm)] += 1
    return gains


def sample_ratio_test(champion: int, challenger: int, share: float) -> SampleRatio:
    """
    Test the units of each arm for a mismatch with the planned ``share``, in (0, 1).

    Examples
    --------
    >>> sample_ratio_test(500, 500, 0.5).evidence < 1
    True
    >>> sample_ratio_test(600, 400, 0.5).evidence > 1000
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
        return SampleRatio(0, 0, 1.0, 1.0)
    expected = total * share
    statistic = (challenger - expected) ** 2 / (total * share * (1 - share))
    return SampleRatio(
        champion, challenger, math.exp(min(log_evidence, 700.0)), float(chi2.sf(statistic, df=1))
    )


def sequential_verdict(
    gain: AnytimeInterval, ratio: SampleRatio | None, days: float, rule: StoppingRule
) -> tuple[SequentialVerdict, str]:
    """
    Return the verdict on the data so far, and the reason for people.

    Parameters
    ----------
    gain : AnytimeInterval
        Of the challenger over the champion, in F1@5.
    ratio : SampleRatio or None
        None in shadow mode, where both models answer every request.
    days : float
        Since the test began.
    rule : StoppingRule
    """
    interval = f"gain {gain.mean:+.3f}, between {gain.lower:+.3f} and {gain.upper:+.3f}"
    if ratio is not None and ratio.evidence > 1 / rule.split_alpha:
        return "stop", (
            f"sample ratio mismatch: {ratio.champion} units for the champion, "
            f"{ratio.challenger} for "
            "the challenger; the comparison is not valid"
        )
    if gain.count >= rule.min_units:
        if gain.lower > rule.min_gain:
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
    return "go_on", f"not significant yet: {interval} over {gain.count} units"
