"""
How much months differ while nothing happens: season, volume, the slow turn of topics.

Chance alone is known from random splits of the reference, as exactly as one likes. The months' own
unrest is known from a handful of months only, and a threshold that took that estimate for the truth
would be passed several times as often as was asked for. So the estimate is robust and efficient (a
few months of drift among them do little harm), and what it leaves open widens the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from include.drift.samples import FloatArray, Sample

Pair = tuple[Sample, Sample]

_NORMAL: Final = 2.2219
"""Makes the quarter of the pairwise differences a standard deviation, for normal values."""
_SMALL: Final = (0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872)
"""Its corrections for 2 to 9 values."""
_FREEDOM: Final = 0.6
"""Degrees of freedom a value adds, by the spread of the estimate over many draws."""


@dataclass(frozen=True, slots=True)
class PastVocabulary:
    """
    What a model could have suggested before each past month.

    Parameters
    ----------
    earlier_uses : mapping of str to int
        Uses of each tag in the learned months before the first of the history.
    min_tag_count : int
        As in training, >= 1.
    """

    earlier_uses: Mapping[str, int]
    min_tag_count: int


@dataclass(frozen=True, slots=True)
class Unrest:
    """
    A signal's values over pairs of quiet months, summed up.

    Parameters
    ----------
    centre, spread : float
        Median and robust standard deviation.
    count : int
        Pairs of months, >= 2.
    """

    centre: float
    spread: float
    count: int


def sum_up(values: FloatArray) -> Unrest:
    """Return centre and spread of a signal over pairs of months, at least two."""
    return Unrest(float(np.median(values)), robust_spread(values), len(values))


def robust_spread(values: FloatArray) -> float:
    """
    Return the standard deviation by the quarter of the pairwise differences.

    Rousseeuw and Croux, "Alternatives to the median absolute deviation", Journal of the American
    Statistical Association 88 (1993), with their corrections for few values: up to half of the
    values may be anything, and it wastes far less of the others than the median deviation does.

    Parameters
    ----------
    values : ndarray, shape (n,)
        n >= 2.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=1000)
    >>> draws[:50] = 1000
    >>> round(robust_spread(draws), 1)
    1.1
    """
    count = len(values)
    half = count // 2 + 1
    rank = half * (half - 1) // 2
    first, second = np.triu_indices(count, 1)
    differences = np.abs(values[first] - values[second])
    quarter = float(np.partition(differences, rank - 1)[rank - 1])
    if count <= len(_SMALL) + 1:
        return _NORMAL * _SMALL[count - 2] * quarter
    return _NORMAL * count / (count + (1.4 if count % 2 else 3.8)) * quarter


def widened(deviations: float, spread: float, unrest: Unrest, level: float) -> float:
    """
    Return how far above the centre of quiet months a threshold lies.

    Beyond chance, months vary by an amount that ``unrest.count`` pairs tell only roughly. The
    threshold is the one that a new month passes with chance ``level`` given that uncertainty:
    Student's quantile instead of the normal one, with the degrees of freedom by which the total
    variance is known (Welch and Satterthwaite: the part that is chance is known exactly), and the
    centre's own variance added.

    Parameters
    ----------
    deviations : float
        Threshold of chance alone, in spreads of chance.
    spread : float
        Of chance, > 0.
    unrest : Unrest
    level : float
        In (0, 0.5).

    Examples
    --------
    >>> calm, restless = Unrest(0.0, 0.9, 12), Unrest(0.0, 2.0, 12)
    >>> round(widened(2.7, 1.0, calm, 0.0035), 1), round(widened(2.7, 1.0, restless, 0.0035), 1)
    (2.9, 6.9)
    """
    extra = max(unrest.spread**2 - spread**2, 0.0)
    total = spread**2 + extra
    factor = 1.0
    if extra:
        freedom = _FREEDOM * (unrest.count - 1) * (total / extra) ** 2
        factor = float(stats.t.isf(level, freedom) / stats.norm.isf(level))
    centre_known = 1 + np.pi / (2 * unrest.count)
    return deviations * factor * float(np.sqrt(total * centre_known))


def month_pairs(
    history: Sample,
    width: int,
    size: int,
    generator: np.random.Generator,
    vocabulary: PastVocabulary | None = None,
) -> Iterator[Pair]:
    """
    Yield (``width`` months before, month) for each month of ``history`` with as many before it.

    With a vocabulary, both know what was out of reach of a model trained on all months before: the
    month that is checked always holds tags that no model has learned yet, also a quiet one.
    """
    months = np.unique(history.months)
    for i in range(width, len(months)):
        before = np.flatnonzero(np.isin(history.months, months[i - width : i]))
        month = at_most(np.flatnonzero(history.months == months[i]), size, generator)
        if 2 * len(month) >= size:
            pair = history.take(before), history.take(month)
            if vocabulary is None or history.tags is None:
                yield pair
            else:
                learned = history.take(history.months < months[i])
                yield _within_reach(pair, learned, vocabulary)


def months_apart(reference: Sample, size: int, generator: np.random.Generator) -> Iterator[Pair]:
    """Yield (the other months, month) for each month of the reference."""
    for name in np.unique(reference.months):
        month = at_most(np.flatnonzero(reference.months == name), size, generator)
        others = np.flatnonzero(reference.months != name)
        if 2 * len(month) >= size and len(others):
            yield reference.take(others), reference.take(month)


def at_most(rows: NDArray[np.intp], size: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return ``rows``, or ``size`` of them drawn without replacement if there are more."""
    return rows if len(rows) <= size else generator.choice(rows, size, replace=False)


def _within_reach(pair: Pair, learned: Sample, vocabulary: PastVocabulary) -> Pair:
    """Say for each question of a pair how many of its tags ``learned`` and earlier months lack."""
    earlier = np.array([vocabulary.earlier_uses.get(tag, 0) for tag in learned.tag_names])
    unknown = (learned.tag_use + earlier < vocabulary.min_tag_count).astype(np.float64)
    before, month = (replace(side, unreachable=side.tags @ unknown) for side in pair)
    return before, month
