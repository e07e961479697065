"""
Bootstrap: means of models on the same questions, and intervals of a mean or difference. Pure.

A resample of n questions with replacement is a multinomial draw of each question's count. Scores
per question take few distinct values (an F1@5 has some dozens), so the draw is over the distinct
values (for several models, over the distinct combinations), in batches of bounded memory: the same
distribution, and 2,000 resamples of 66,000 questions take milliseconds and no matrix of a gigabyte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError

FloatArray = NDArray[np.float64]

CONFIDENCE: Final = 0.95
"""Confidence level of intervals, unless another is requested."""

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
    values: NDArray[np.float64], *, samples: int, seed: int, confidence: float = CONFIDENCE
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
    .. [1] Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979),
       1-26.
    .. [2] Efron, "Nonparametric standard errors and confidence intervals", Canadian Journal of
       Statistics 9 (1981), 139-158: the percentile interval.
    """
    if len(values) == 0:
        raise FixInputError("there are no questions to resample")
    if not np.isfinite(values).all():
        raise FixInputError("a question's score is not a number: leave such questions out first")
    means = bootstrap_means(values[None, :], samples, np.random.default_rng(seed))[0]
    low, high = percentile_interval(means, confidence)
    above = (means > 0).mean() + (means == 0).mean() / 2
    return BootstrapInterval(float(values.mean()), low, high, float(above), len(values))


def paired_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    samples: int,
    seed: int,
    confidence: float = CONFIDENCE,
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


def bootstrap_means(scores: FloatArray, samples: int, random: np.random.Generator) -> FloatArray:
    """
    Return bootstrap means of several models' scores, with the same resamples for all.

    Parameters
    ----------
    scores : ndarray of float, shape (n_models, n_questions)
        Of the same questions; at least one of each.
    samples : int
        Resamples, >= 1.
    random : numpy Generator
        Advanced by the draws; the same state gives the same draws.

    Returns
    -------
    ndarray of float, shape (n_models, samples)
    """
    distinct, counts = _distinct_columns(scores)
    total = int(counts.sum())
    step = max(1, _CELLS_AT_ONCE // len(counts))
    batches = [
        random.multinomial(total, counts / total, size=min(step, samples - start)) @ distinct.T
        for start in range(0, samples, step)
    ]
    means: FloatArray = np.concatenate(batches).T / total
    return means


def percentile_interval(draws: FloatArray, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """
    Return the percentile interval of bootstrap draws, shape (samples,).

    Quantiles are interpolated, unless a draw is infinite: then they are draws themselves.
    """
    tail = (1 - confidence) / 2
    method: Literal["linear", "inverted_cdf"] = (
        "linear" if np.isfinite(draws).all() else "inverted_cdf"
    )
    low, high = np.quantile(draws, [tail, 1 - tail], method=method)
    return float(low), float(high)


def _distinct_columns(scores: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return the distinct columns of ``scores`` and how often each occurs."""
    if len(scores) == 1:
        distinct, counts = np.unique(scores[0], return_counts=True)
        return distinct[None, :], counts
    # np.unique(axis=1) compares columns value by value, ten times slower than bytes
    rows = np.ascontiguousarray(scores.T)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return rows[first].T, counts
