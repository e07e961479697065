"""The statistics behind the drift signals. Pure: arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]


def kolmogorov_smirnov(before: FloatArray, after: FloatArray) -> float:
    """
    Return the largest distance between two empirical distribution functions, in [0, 1].

    Parameters
    ----------
    before, after : ndarray, shape (n,) and (m,)
        Any numbers; 0.0 is returned where one is empty.

    Examples
    --------
    >>> kolmogorov_smirnov(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    if not len(before) or not len(after):
        return 0.0
    before, after = np.sort(before), np.sort(after)
    points = np.concatenate([before, after])
    below_before = np.searchsorted(before, points, side="right") / len(before)
    below_after = np.searchsorted(after, points, side="right") / len(after)
    return float(np.abs(below_before - below_after).max())


def jensen_shannon_parts(before: FloatArray, after: FloatArray) -> FloatArray:
    """
    Return each category's share of the Jensen-Shannon divergence, in bits; they sum to it.

    Parameters
    ----------
    before, after : ndarray, shape (n_categories,)
        Counts, >= 0, scaled to shares here; all zeros counts as no difference.

    Returns
    -------
    ndarray, shape (n_categories,)
        Each >= 0; the sum lies in [0, 1].

    Examples
    --------
    >>> jensen_shannon_parts(np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0])).tolist()
    [0.25, 0.0, 0.25]
    """
    if not before.sum() or not after.sum():
        return np.zeros_like(before)
    p, q = before / before.sum(), after / after.sum()
    middle = (p + q) / 2
    parts: FloatArray = (_bits(p, middle) + _bits(q, middle)) / 2
    return parts


def _bits(p: FloatArray, middle: FloatArray) -> FloatArray:
    """Return p log2(p / middle), 0 where p is 0."""
    ratio = np.divide(p, middle, out=np.ones_like(p), where=p > 0)
    return p * np.log2(ratio)


def lump_rare(
    before: FloatArray, after: FloatArray, least: float
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """
    Put categories used fewer than ``least`` times in both together into one, the last.

    Rare categories come and go in any two draws of one distribution; told apart, their noise
    would bury what moves.

    Parameters
    ----------
    before, after : ndarray, shape (n_categories,)
        Counts, >= 0.
    least : float
        Uses in both together that keep a category apart.

    Returns
    -------
    before, after : ndarray, shape (n_kept + 1,)
    kept : ndarray of int, shape (n_kept,)
        Positions of the categories kept apart.
    """
    kept = np.flatnonzero(before + after >= least)
    return (
        np.append(before[kept], before.sum() - before[kept].sum()),
        np.append(after[kept], after.sum() - after[kept].sum()),
        kept,
    )


def log_odds(before: FloatArray, after: FloatArray) -> FloatArray:
    """
    Return how many standard errors each word's log-odds rose from ``before`` to ``after``.

    Log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn, "Fightin'
    Words", Political Analysis 16, 2008, equations 16, 20 and 22). The prior is the pooled
    frequency of each word with the weight of the smaller side, so that a word seen for the first
    time is judged by how often it is seen, and not by its absence before.

    Parameters
    ----------
    before, after : ndarray, shape (n_words,)
        Counts, >= 0.

    Returns
    -------
    ndarray, shape (n_words,)
        z-scores, positive for words that rose; 0 for words in neither.
    """
    pooled = before + after
    total_before, total_after = before.sum(), after.sum()
    seen = pooled > 0
    if not total_before or not total_after or seen.sum() < 2:
        return np.zeros_like(before)
    weight = min(total_before, total_after)
    prior = pooled[seen] / pooled.sum() * weight
    z = np.zeros_like(before)
    z[seen] = _log_odds_of(after[seen], total_after, prior, weight)
    z[seen] -= _log_odds_of(before[seen], total_before, prior, weight)
    variance = 1 / (before[seen] + prior) + 1 / (after[seen] + prior)
    z[seen] /= np.sqrt(variance)
    return z


def _log_odds_of(count: FloatArray, total: float, prior: FloatArray, weight: float) -> FloatArray:
    """Return log of (count + prior) over all the other words' counts and priors."""
    odds: FloatArray = np.log(count + prior) - np.log(total + weight - count - prior)
    return odds


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """
    Return p-values corrected for many tests (false discovery rate).

    Parameters
    ----------
    p_values : ndarray, shape (n,)
        In [0, 1].

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    if not len(p_values):
        return p_values
    corrected: FloatArray = stats.false_discovery_control(p_values, method="bh")
    return corrected


def two_sided_p(z: FloatArray) -> FloatArray:
    """Return the two-sided p-value of standard normal scores."""
    p: FloatArray = 2 * stats.norm.sf(np.abs(z))
    return p


def reliability_shift(
    scores_before: FloatArray,
    hit_before: NDArray[np.bool_],
    scores_after: FloatArray,
    hit_after: NDArray[np.bool_],
    bins: int = 5,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """
    Compare how often suggestions of like scores were right, before and after.

    Parameters
    ----------
    scores_before, scores_after : ndarray, shape (n,) and (m,)
        Scores of suggestions, in [0, 1].
    hit_before, hit_after : ndarray of bool, shape (n,) and (m,)
        Whether each was a true tag.
    bins : int, default=5
        Bins with equal numbers of the scores before, >= 1.

    Returns
    -------
    weight, rate_before, rate_after : ndarray, shape (bins,)
        Share of the suggestions after, and the share of hits before and after; a bin that is
        empty on either side has weight 0.
    """
    edges = np.quantile(scores_before, np.linspace(0, 1, bins + 1)[1:-1])
    bin_before = np.searchsorted(edges, scores_before, side="right")
    bin_after = np.searchsorted(edges, scores_after, side="right")
    size_before = np.bincount(bin_before, minlength=bins)
    size_after = np.bincount(bin_after, minlength=bins)
    rate_before = np.bincount(bin_before, hit_before, bins) / np.maximum(size_before, 1)
    rate_after = np.bincount(bin_after, hit_after, bins) / np.maximum(size_after, 1)
    weight = np.where(size_before > 0, size_after, 0) / max(len(scores_after), 1)
    return weight, rate_before, rate_after


def interval_of_difference(
    before: FloatArray, after: FloatArray, level: float = 0.95
) -> tuple[float, float]:
    """
    Return the Welch interval of mean(before) - mean(after).

    Parameters
    ----------
    before, after : ndarray, shape (n,) and (m,)
        n, m >= 2.
    level : float, default=0.95
        Chance that the interval holds the true difference.

    Examples
    --------
    >>> low, high = interval_of_difference(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-2.267, 2.267)
    """
    interval = stats.ttest_ind(before, after, equal_var=False).confidence_interval(level)
    return float(interval.low), float(interval.high)
