"""
How sure a mean, or the difference of two models on the same questions, is.

A resample of n questions with replacement is a multinomial draw of how often each question comes
up. Scores per question take few distinct values (an F1@5 has some dozens), so the draw is made over
the distinct values: the same distribution, and 2,000 resamples of 66,000 questions take
milliseconds instead of a gigabyte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError

_CELLS_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """
    A mean with its bootstrap interval.

    Parameters
    ----------
    mean, low, high : float
        low <= high; the mean is of the data, not of the resamples.
    share_above_zero : float
        Share of resamples whose mean is above 0, half of those at exactly 0 counted; for a
        difference, how sure the first is better. In [0, 1].
    question_count : int
        What was resampled.
    """

    mean: float
    low: float
    high: float
    share_above_zero: float
    question_count: int

    def __str__(self) -> str:
        """Return mean and interval as people read them."""
        return f"{self.mean:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f})"


def mean_interval(
    values: NDArray[np.float64], *, samples: int, seed: int, confidence: float = 0.95
) -> Interval:
    """
    Return the mean of ``values`` with its percentile bootstrap interval (Efron, 1979).

    Parameters
    ----------
    values : ndarray of float, shape (n_questions,)
        One per question, at least one, no NaN.
    samples : int
        Resamples, >= 100.
    seed : int
        The same seed and values give the same interval.
    confidence : float, default=0.95
        In (0, 1); the interval leaves out half of the rest at each end.

    Raises
    ------
    FixInputError
        If there is nothing to resample or a value is not a number.
    """
    if len(values) == 0:
        raise FixInputError("there are no questions to resample")
    if not np.isfinite(values).all():
        raise FixInputError("a question's score is not a number: leave such questions out first")
    distinct, counts = np.unique(values, return_counts=True)
    means = _resampled_means(distinct, counts, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    above = (means > 0).mean() + (means == 0).mean() / 2
    return Interval(float(values.mean()), float(low), float(high), float(above), len(values))


def paired_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    samples: int,
    seed: int,
    confidence: float = 0.95,
) -> Interval:
    """
    Return the mean of ``first - second`` over the same questions, with its interval.

    Pairing takes out what makes a question hard for both, which is most of the variance.

    Parameters
    ----------
    first, second : ndarray of float, shape (n_questions,)
        The same questions in the same order.
    samples, seed, confidence
        As in `mean_interval`.

    Raises
    ------
    FixInputError
        If the lengths differ, and as `mean_interval`.
    """
    if len(first) != len(second):
        raise FixInputError(f"not the same questions: {len(first)} and {len(second)}")
    # rounding joins differences that are equal but for the last bit
    return mean_interval(
        np.round(first - second, 12), samples=samples, seed=seed, confidence=confidence
    )


def _resampled_means(
    distinct: NDArray[np.float64],
    counts: NDArray[np.intp],
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the means of ``samples`` resamples, a slice of them at a time."""
    total = int(counts.sum())
    step = max(1, _CELLS_AT_ONCE // len(distinct))
    parts = [
        rng.multinomial(total, counts / total, size=min(step, samples - start)) @ distinct / total
        for start in range(0, samples, step)
    ]
    return np.concatenate(parts)
