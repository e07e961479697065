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
_DEGREES_OF_QN: Final = 0.6
"""Degrees of freedom per value, from the variance of Qn over many simulated draws."""
_DEGREES_OF_FREEDOM: Final = 0.4
"""
The same for months: fewer, because pairs of months share months. Set by the false alarms on real
months in shuffled order (docs/drift.md).
"""
MIN_DEGREES_OF_FREEDOM: Final = 3.0
"""With fewer, after half a year, thresholds are so high that no real event exceeded one."""
ASSUMED_RATIO: Final = 4.0
"""Variance over months by that of sampling, of signals on answers: 1 to 5 on two real sites."""
ASSUMED_DEGREES_OF_FREEDOM: Final = 4.0
MIN_LEFT_OUT: Final = 4
_TRIMMED_FROM: Final = 6
_TRIMMED_CORRECTION: Final = 1.25
"""Corrects for leaving out the largest of ten values or more (1.19 if ten are normal)."""
_FEWER_TRIMMED: Final = {6: 1.35, 7: 1.32, 8: 1.29, 9: 1.27}
"""The same of fewer values: 1.28, 1.25, 1.22 and 1.20 if they are normal."""
_FEW_CORRECTION: Final = 1.15
"""Corrects the bias of a standard deviation of four or five values (1.08 if they are normal)."""
_UPPER_LIMIT: Final = 0.4
"""Probability that a variance is larger than the limit that counts."""


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
        Median and standard deviation (`month_scale`).
    count : int
        Pairs of months, >= 2; 0 where the location is that of sampling alone.
    degrees_of_freedom : float
        Of the scale, > 0.
    """

    location: float
    scale: float
    count: int
    degrees_of_freedom: float

    @property
    def location_variance(self) -> float:
        """Variance of the estimated location, in variances of a month."""
        return np.pi / (2 * self.count) if self.count else 0.0


def between_month_variability(values: FloatArray) -> BetweenMonthVariability:
    """Return location and scale of a signal's values over pairs of months, shape (n,), n >= 2."""
    count = len(values)
    degrees = max(_DEGREES_OF_FREEDOM * (count - 1), MIN_DEGREES_OF_FREEDOM)
    return BetweenMonthVariability(float(np.median(values)), month_scale(values), count, degrees)


def assumed_variability(mean: float, std: float, left_out: FloatArray) -> BetweenMonthVariability:
    """
    Return the variability of a signal on answers, whose past values are not known.

    The variance over months is `ASSUMED_RATIO` times that of sampling, with the weight of
    `ASSUMED_DEGREES_OF_FREEDOM`; months of the reference that were left out one by one count beside
    it where there are enough (the conjugate prior of a normal distribution's variance).

    Parameters
    ----------
    mean, std : float
        Under sampling variability alone; ``std`` > 0.
    left_out : ndarray, shape (n,)
        The signal's values on months that were left out; fewer than `MIN_LEFT_OUT` do not count.

    References
    ----------
    .. [1] Gelman et al., "Bayesian Data Analysis", 3rd edition, CRC Press (2013), section 2.6: the
       scaled inverse chi-squared distribution.
    """
    ratio, degrees = ASSUMED_RATIO, ASSUMED_DEGREES_OF_FREEDOM
    if len(left_out) >= MIN_LEFT_OUT:
        own = between_month_variability(left_out)
        total = degrees + own.degrees_of_freedom
        ratio = (degrees * ratio + own.degrees_of_freedom * (own.scale / std) ** 2) / total
        degrees = total
    return BetweenMonthVariability(mean, std * float(np.sqrt(ratio)), 0, degrees)


def month_scale(values: FloatArray) -> float:
    """
    Return the standard deviation of a signal over months, not less than robust estimates say.

    The larger of Qn and of the standard deviation without the largest value, corrected for its
    absence. Qn alone underestimates months of two kinds (before and after a release), a plain
    standard deviation is ruled by a single month of drift.

    Parameters
    ----------
    values : ndarray, shape (n,)
        n >= 2.
    """
    if len(values) >= _TRIMMED_FROM:
        return max(qn_scale(values), trimmed_scale(values))
    return max(qn_scale(values), _FEW_CORRECTION * float(np.std(values, ddof=1)))


def trimmed_scale(values: FloatArray) -> float:
    """Return the standard deviation of all values but the largest, corrected for it; n >= 6."""
    correction = _FEWER_TRIMMED.get(len(values), _TRIMMED_CORRECTION)
    return correction * float(np.std(np.sort(values)[:-1], ddof=1))


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
    .. [1] Rousseeuw and Croux, "Alternatives to the median absolute deviation", Journal of the
       American Statistical Association 88 (1993), 1273-1283.

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
    deviations: float,
    std: float,
    variability: BetweenMonthVariability,
    level: float,
    month_level: float | None = None,
) -> float:
    """
    Return the distance of the threshold from the location of months without drift.

    Between-month variability adds to sampling variability, and a few pairs of months estimate it
    only roughly. The threshold is the prediction limit that a new month exceeds with probability
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
        Probability of a false alarm under sampling variability, in (0, 0.5).
    month_level : float or None
        The same over months, where a month is checked: then the variance that months add counts
        with the upper limit of its estimate, since an estimate that happens to be small would
        otherwise also pass for certain. None for hours, whose variance is nearly all of sampling.

    References
    ----------
    .. [1] Satterthwaite, "An approximate distribution of estimates of variance components",
       Biometrics Bulletin 2 (1946), 110-114.
    .. [2] Welch, "The generalization of 'Student's' problem when several different population
       variances are involved", Biometrika 34 (1947), 28-35.

    Examples
    --------
    >>> low, high = (BetweenMonthVariability(0.0, scale, 12, 5.5) for scale in (0.9, 2.0))
    >>> [round(widened_distance(2.7, 1.0, v, 0.0035), 1) for v in (low, high)]
    [2.9, 6.9]
    """
    ratio = (variability.scale / std) ** 2
    total = max(ratio, 1.0)
    degrees = variability.degrees_of_freedom
    if month_level is None:
        degrees = max(degrees, _DEGREES_OF_QN * (variability.count - 1))
        excess = max(ratio - 1.0, 0.0)
    else:
        upper = ratio * degrees / float(stats.chi2.ppf(_UPPER_LIMIT, degrees))
        excess = max(upper - 1.0, 0.0)
    factor = 1.0
    if excess or month_level is not None:
        satterthwaite = degrees * max(total / excess, 1.0) ** 2 if excess else np.inf
        quantile = stats.t.isf(level if month_level is None else month_level, satterthwaite)
        factor = float(quantile / stats.norm.isf(level))
    spread = std * float(np.sqrt(total * (1 + variability.location_variance)))
    return deviations * factor * spread


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


def forward_unreachable(history: Sample, vocabulary: PastVocabulary) -> Sample:
    """
    Return the history but its first month, with the tags that no model of the months before knew.

    Parameters
    ----------
    history : Sample
        With tags.
    vocabulary : PastVocabulary
        Of the months before the history.
    """
    months = np.unique(history.months)
    counts = np.zeros(len(history))
    for month in months[1:]:
        unknown = _outside_vocabulary(history.take(history.months < month), vocabulary)
        rows = history.months == month
        counts[rows] = _with_unreachable(history.take(rows), unknown).unreachable
    later = history.months > months[0]
    return replace(history.take(later), unreachable=counts[later])


def _with_unreachable_counts(
    pair: SamplePair, trained: Sample, vocabulary: PastVocabulary
) -> SamplePair:
    """Set the counts of tags outside the vocabulary of ``trained`` and earlier months."""
    unknown = _outside_vocabulary(trained, vocabulary)
    before, month = (_with_unreachable(side, unknown) for side in pair)
    return before, month


def _outside_vocabulary(trained: Sample, vocabulary: PastVocabulary) -> FloatArray:
    """Return 1 for each tag that a model of ``trained`` and earlier months does not know."""
    uses = Counter(vocabulary.earlier_uses)
    uses.update(dict(zip(trained.tag_names, trained.tag_use.tolist(), strict=True)))
    least = least_uses(uses.values(), vocabulary.min_tag_count)
    return np.array([uses[tag] < least for tag in trained.tag_names], dtype=np.float64)


def _with_unreachable(sample: Sample, unknown: FloatArray) -> Sample:
    assert sample.tags is not None  # the caller's history has tags
    return replace(sample, unreachable=sample.tags.matrix @ unknown)
