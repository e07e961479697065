"""
Sequential inference for A/B tests: confidence sequences. Pure; `ab_verdict` decides on them.

Anytime-valid: the error rate holds whenever one looks at the data and stops.

* Confidence sequence: theorem 2.2 of [1]_, with equation (10) for the tuning of the width; an
  asymptotic version of the normal mixture of [2]_.
* Unpaired difference: section 3 of [1]_; augmented inverse-probability-weighted (AIPW) outcomes,
  with each arm's running mean in place of a regression.
* Sample ratio mismatch: a Dirichlet mixture against the planned share [3]_. The chi-square test of
  a single look is reported beside it.

References
----------
.. [1] I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy and A. Ramdas, "Time-uniform central
   limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024).
.. [2] H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
   Mathematical Statistics 41 (1970).
.. [3] M. Lindon and A. Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import chi2

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
    outcomes = np.asarray(outcomes, dtype=np.float64)
    expected_champion = _running_means(outcomes, ~treated)
    expected_challenger = _running_means(outcomes, treated)
    residuals = outcomes - np.where(treated, expected_challenger, expected_champion)
    weights = np.where(treated, 1 / share, -1 / (1 - share))
    return np.asarray(expected_challenger - expected_champion + weights * residuals)


def _running_means(outcomes: FloatArray, member: NDArray[np.bool_]) -> FloatArray:
    """Return each position's mean of earlier members, with one outcome of 0.5 before the first."""
    # Only earlier units may predict a unit, else the estimate would be biased.
    sums = 0.5 + np.cumsum(np.where(member, outcomes, 0.0)) - np.where(member, outcomes, 0.0)
    counts = 1.0 + np.cumsum(member) - member
    return np.asarray(sums / counts)


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
