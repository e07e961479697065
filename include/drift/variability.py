"""
Between-month variability of a signal in the absence of drift: season, volume, slow changes. Pure.

Sampling variability can be estimated to any precision from random splits of the reference.
Between-month variability is estimated from a few months only, and a threshold that took this
estimate for the true value would raise false alarms several times as often as the rate that is set.
So the estimator is robust and efficient (a few months of drift among them do little harm), and its
own uncertainty widens the threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from include.candidates.base import least_uses
from include.drift.samples import FloatArray, Sample

SamplePair = tuple[Sample, Sample]

_CONSISTENCY: Final = 2.2219
"""Makes the estimator consistent for the standard deviation of a normal distribution."""
_SMALL_SAMPLE: Final = (0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872)
"""Its correction factors for 2 to 9 values."""
_DEGREES_OF_FREEDOM: Final = 0.6
"""Degrees of freedom per value, from the variance of the estimate over many simulated draws."""


@dataclass(frozen=True, slots=True)
class PastVocabulary:
    """
    What determines the vocabulary of a model trained before each past month.

    Parameters
    ----------
    earlier_uses : mapping of str to int
        Uses of each tag in the training months before the history.
    min_tag_count : int
        As in training, >= 1.
    """

    earlier_uses: Mapping[str, int]
    min_tag_count: int


@dataclass(frozen=True, slots=True)
class BetweenMonthVariability:
    """
    Location and scale of a signal's values over pairs of months.

    Parameters
    ----------
    location, scale : float
        Median and robust standard deviation (`qn_scale`).
    count : int
        Pairs of months, >= 2.
    """

    location: float
    scale: float
    count: int


def between_month_variability(values: FloatArray) -> BetweenMonthVariability:
    """Return location and scale of a signal's values over pairs of months, shape (n,), n >= 2."""
    return BetweenMonthVariability(float(np.median(values)), qn_scale(values), len(values))


def qn_scale(values: FloatArray) -> float:
    """
    Return the robust scale estimator Qn, with corrections for small samples.

    Up to half of the values may be outliers, and it is far more efficient than the median absolute
    deviation.

    Parameters
    ----------
    values : ndarray, shape (n,)
        n >= 2.

    References
    ----------
    Rousseeuw and Croux, "Alternatives to the median absolute deviation", Journal of the American
    Statistical Association 88 (1993), 1273-1283.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=1000)
    >>> draws[:50] = 1000
    >>> round(qn_scale(draws), 1)
    1.1
    """
    count = len(values)
    half = count // 2 + 1
    rank = half * (half - 1) // 2
    first, second = np.triu_indices(count, 1)
    differences = np.abs(values[first] - values[second])
    quantile = float(np.partition(differences, rank - 1)[rank - 1])
    if count <= len(_SMALL_SAMPLE) + 1:
        return _CONSISTENCY * _SMALL_SAMPLE[count - 2] * quantile
    return _CONSISTENCY * count / (count + (1.4 if count % 2 else 3.8)) * quantile


def widened_distance(
    deviations: float, std: float, variability: BetweenMonthVariability, level: float
) -> float:
    """
    Return the distance of the threshold from the location of months without drift.

    Between-month variability adds to sampling variability, and ``variability.count`` pairs estimate
    it only roughly. The threshold is the prediction limit that a new month exceeds with probability
    ``level`` given that uncertainty: Student's quantile instead of the normal one, with the
    Welch-Satterthwaite degrees of freedom of the total variance (sampling variance is known
    exactly), and the variance of the estimated location added.

    Parameters
    ----------
    deviations : float
        Distance of the threshold from the mean under sampling variability alone, in standard
        deviations.
    std : float
        Standard deviation under sampling variability alone, > 0.
    variability : BetweenMonthVariability
    level : float
        Probability of a false alarm, in (0, 0.5).

    References
    ----------
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
    Bulletin 2 (1946), 110-114. Welch, "The generalization of 'Student's' problem when several
    different population variances are involved", Biometrika 34 (1947), 28-35.

    Examples
    --------
    >>> low, high = BetweenMonthVariability(0.0, 0.9, 12), BetweenMonthVariability(0.0, 2.0, 12)
    >>> [round(widened_distance(2.7, 1.0, v, 0.0035), 1) for v in (low, high)]
    [2.9, 6.9]
    """
    excess = max(variability.scale**2 - std**2, 0.0)
    total = std**2 + excess
    factor = 1.0
    if excess:
        degrees_of_freedom = _DEGREES_OF_FREEDOM * (variability.count - 1) * (total / excess) ** 2
        factor = float(stats.t.isf(level, degrees_of_freedom) / stats.norm.isf(level))
    location_factor = 1 + np.pi / (2 * variability.count)
    return deviations * factor * float(np.sqrt(total * location_factor))


def consecutive_month_pairs(
    history: Sample,
    width: int,
    size: int,
    generator: np.random.Generator,
    vocabulary: PastVocabulary | None = None,
) -> Iterator[SamplePair]:
    """
    Yield (the ``width`` months before, month) for each month of ``history`` with that many before.

    With a vocabulary, both samples hold the tags outside the vocabulary of a model trained on all
    months before: every analysis month has tags that no model was trained on, also without drift.
    """
    months = np.unique(history.months)
    for i in range(width, len(months)):
        before = np.flatnonzero(np.isin(history.months, months[i - width : i]))
        month = subsample(np.flatnonzero(history.months == months[i]), size, generator)
        if 2 * len(month) >= size:
            pair = history.take(before), history.take(month)
            if vocabulary is None or history.tags is None:
                yield pair
            else:
                trained = history.take(history.months < months[i])
                yield _with_unreachable_counts(pair, trained, vocabulary)


def leave_one_month_out(
    reference: Sample, size: int, generator: np.random.Generator
) -> Iterator[SamplePair]:
    """Yield (the other months, month) for each month of the reference."""
    for name in np.unique(reference.months):
        month = subsample(np.flatnonzero(reference.months == name), size, generator)
        others = np.flatnonzero(reference.months != name)
        if 2 * len(month) >= size and len(others):
            yield reference.take(others), reference.take(month)


def subsample(
    rows: NDArray[np.intp], size: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return ``rows``, or ``size`` of them sampled without replacement if there are more."""
    return rows if len(rows) <= size else generator.choice(rows, size, replace=False)


def _with_unreachable_counts(
    pair: SamplePair, trained: Sample, vocabulary: PastVocabulary
) -> SamplePair:
    """Set the counts of tags outside the vocabulary of ``trained`` and earlier months."""
    uses = Counter(vocabulary.earlier_uses)
    uses.update(dict(zip(trained.tag_names, trained.tag_use.tolist(), strict=True)))
    least = least_uses(uses.values(), vocabulary.min_tag_count)
    unknown = np.array([uses[tag] < least for tag in trained.tag_names], dtype=np.float64)
    before, month = (_with_unreachable(side, unknown) for side in pair)
    return before, month


def _with_unreachable(sample: Sample, unknown: FloatArray) -> Sample:
    assert sample.tags is not None  # the caller's history has tags
    return replace(sample, unreachable=sample.tags @ unknown)
