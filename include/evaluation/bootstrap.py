"""
Bootstrap intervals of a mean, and of the difference of two models on the same questions. Pure.

A resample of n questions with replacement is a multinomial draw of each question's count. Scores
per question take few distinct values (an F1@5 has some dozens), so the draw is over the distinct
values: the same distribution, and 2,000 resamples of 66,000 questions take milliseconds and no
matrix of a gigabyte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError

_CELLS_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """
    A mean with its percentile bootstrap interval.

    Parameters
    ----------
    mean, low, high : float
        low <= high; the mean is of the data, not of the resamples.
    share_above_zero : float
        Share of resamples whose mean is above 0, with ties at 0 counted as one half; for a
        difference, the bootstrap's confidence that the first is better. In [0, 1].
    question_count : int
        Number of questions that were resampled.
    """

    mean: float
    low: float
    high: float
    share_above_zero: float
    question_count: int

    def __str__(self) -> str:
        """Return mean and interval in words."""
        return f"{self.mean:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f})"


def mean_interval(
    values: NDArray[np.float64], *, samples: int, seed: int, confidence: float = 0.95
) -> BootstrapInterval:
    """
    Return the mean of ``values`` with its percentile bootstrap interval.

    Parameters
    ----------
    values : ndarray of float, shape (n_questions,)
        One per question, at least one, no NaN.
    samples : int
        Resamples, >= 100.
    seed : int
        The same seed and values give the same interval.
    confidence : float, default=0.95
        Confidence level, in (0, 1).

    Raises
    ------
    FixInputError
        If there is nothing to resample or a value is not a number.

    References
    ----------
    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979), 1-26.
    Efron, "Nonparametric standard errors and confidence intervals", Canadian Journal of Statistics
    9 (1981), 139-158: the percentile interval.
    """
    if len(values) == 0:
        raise FixInputError("there are no questions to resample")
    if not np.isfinite(values).all():
        raise FixInputError("a question's score is not a number: leave such questions out first")
    distinct, counts = np.unique(values, return_counts=True)
    means = _bootstrap_means(distinct, counts, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    above = (means > 0).mean() + (means == 0).mean() / 2
    return BootstrapInterval(
        float(values.mean()), float(low), float(high), float(above), len(values)
    )


def paired_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    samples: int,
    seed: int,
    confidence: float = 0.95,
) -> BootstrapInterval:
    """
    Return the mean of ``first - second`` over the same questions, with its interval.

    Pairing removes the variance between questions that both models share, which is most of it.

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
    # rounding merges differences that are equal except for the last bit
    return mean_interval(
        np.round(first - second, 12), samples=samples, seed=seed, confidence=confidence
    )


def _bootstrap_means(
    distinct: NDArray[np.float64],
    counts: NDArray[np.intp],
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the means of ``samples`` resamples, drawn in batches."""
    total = int(counts.sum())
    step = max(1, _CELLS_AT_ONCE // len(distinct))
    batches = [
        rng.multinomial(total, counts / total, size=min(step, samples - start)) @ distinct / total
        for start in range(0, samples, step)
    ]
    return np.concatenate(batches)
