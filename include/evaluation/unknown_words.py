"""When the share of out-of-vocabulary words indicates that word vectors need refitting. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MIN_MONTHS: Final = 4
"""Months before that are needed to estimate the variability of the share."""
LEVEL: Final = 0.99


def unknown_share(
    terms: Sequence[str], columns: NDArray[np.int32], known: Collection[str]
) -> float:
    """
    Return the share of the questions' distinct terms that are not ``known``, in [0, 1].

    Parameters
    ----------
    terms : sequence of str, length d
    columns : ndarray of int32, shape (m,)
        Position in ``terms`` of each distinct term of each question.
    known : collection of str
        With a fast look-up.

    Returns
    -------
    float
        Uses are counted per question; NaN if there is no term at all.

    Examples
    --------
    >>> unknown_share(["a", "b", "c"], np.array([0, 1, 1, 2], dtype=np.int32), {"b"})
    0.5
    """
    if not len(columns):
        return float("nan")
    new = np.array([term not in known for term in terms], dtype=np.bool_)
    return float(new[columns].mean())


def needs_new_vectors(shares: Sequence[float], level: float = LEVEL) -> tuple[bool, ...]:
    """
    Return for each month whether its share of unknown words exceeds the prediction limit.

    The limit is the upper end of the one-sided prediction interval for one more observation of a
    normal distribution, estimated from the months since the last refit; it is wider with few or
    variable months. With fewer than `MIN_MONTHS` since then, the answer is False.

    Parameters
    ----------
    shares : sequence of float
        By month, oldest first, without gaps.
    level : float, default=0.99
        Probability that a month without change stays below the limit.

    Examples
    --------
    >>> needs_new_vectors([0.10, 0.11, 0.10, 0.11, 0.10, 0.30, 0.31])
    (False, False, False, False, False, True, False)
    """
    needed: list[bool] = []
    baseline: list[float] = []
    for share in shares:
        above = len(baseline) >= MIN_MONTHS and share > _limit(baseline, level)
        needed.append(bool(above))
        baseline = [share] if above else [*baseline, share]
    return tuple(needed)


def _limit(shares: Sequence[float], level: float) -> float:
    """Return the upper end of the prediction interval for one more observation."""
    count = len(shares)
    std = float(np.std(shares, ddof=1)) * float(np.sqrt(1 + 1 / count))
    return float(np.mean(shares)) + float(stats.t.ppf(level, count - 1)) * std
