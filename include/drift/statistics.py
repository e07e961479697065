"""The statistics behind the drift signals. Pure: arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]


def kolmogorov_smirnov(before: FloatArray, after: FloatArray) -> float:
    """
    Return the two-sample Kolmogorov-Smirnov statistic, in [0, 1].

    The largest distance between the two empirical distribution functions.

    Parameters
    ----------
    before, after : ndarray, shape (n,) and (m,)
        Any numbers; 0.0 is returned where one is empty.

    References
    ----------
    .. [1] Hodges, "The significance probability of the Smirnov two-sample test", Arkiv for
       Matematik 3 (1958), 469-486.

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
    Return each category's contribution to the Jensen-Shannon divergence, in bits.

    The contributions sum to the divergence.

    Parameters
    ----------
    before, after : ndarray, shape (n_categories,)
        Counts, >= 0, scaled to shares here; all zeros counts as no difference.

    Returns
    -------
    ndarray, shape (n_categories,)
        Each >= 0; the sum lies in [0, 1].

    References
    ----------
    .. [1] Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information
       Theory 37 (1991), 145-151, with equal weights.

    Examples
    --------
    >>> jensen_shannon_parts(np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0])).tolist()
    [0.25, 0.0, 0.25]
    """
    if not before.sum() or not after.sum():
        return np.zeros_like(before)
    p, q = before / before.sum(), after / after.sum()
    mixture = (p + q) / 2
    parts: FloatArray = (_bits(p, mixture) + _bits(q, mixture)) / 2
    return parts


def _bits(p: FloatArray, mixture: FloatArray) -> FloatArray:
    """Return p log2(p / mixture), 0 where p is 0."""
    ratio = np.divide(p, mixture, out=np.ones_like(p), where=p > 0)
    return p * np.log2(ratio)


def merge_rare(
    before: FloatArray, after: FloatArray, min_uses: float
) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
    """
    Merge categories with fewer than ``min_uses`` uses in both together into one, the last.

    Rare categories come and go between any two draws of one distribution; kept as categories of
    their own, their noise would hide the changes that matter.

    Parameters
    ----------
    before, after : ndarray, shape (n_categories,)
        Counts, >= 0.
    min_uses : float
        Uses in both together that a category needs to stay a category of its own.

    Returns
    -------
    before, after : ndarray, shape (n_kept + 1,)
    kept : ndarray of int, shape (n_kept,)
        Positions of the categories that are kept.
    """
    kept = np.flatnonzero(before + after >= min_uses)
    return (
        np.append(before[kept], before.sum() - before[kept].sum()),
        np.append(after[kept], after.sum() - after[kept].sum()),
        kept,
    )


def log_odds(before: FloatArray, after: FloatArray) -> FloatArray:
    """
    Return the z-score of each word's change in log-odds from ``before`` to ``after``.

    Log-odds ratio with an informative Dirichlet prior. The prior is the pooled frequency of each
    word with the weight of the smaller side, so that the score of a word that is seen for the
    first time depends on how often it is seen, and not on its absence before.

    Parameters
    ----------
    before, after : ndarray, shape (n_words,)
        Counts, >= 0.

    Returns
    -------
    ndarray, shape (n_words,)
        z-scores, positive for words that rose; 0 for words in neither.

    References
    ----------
    .. [1] Monroe, Colaresi and Quinn, "Fightin' Words: Lexical feature selection and evaluation for
       identifying the content of political conflict", Political Analysis 16 (2008), 372-403,
       equations 16, 20 and 22.
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
    """Return the log of (count + prior) over the counts and priors of all other words."""
    odds: FloatArray = np.log(count + prior) - np.log(total + weight - count - prior)
    return odds


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """
    Return p-values adjusted for multiple tests, which controls the false discovery rate.

    Parameters
    ----------
    p_values : ndarray, shape (n,)
        In [0, 1].

    References
    ----------
    .. [1] Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal
       Statistical Society B 57 (1995), 289-300.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    if not len(p_values):
        return p_values
    adjusted: FloatArray = stats.false_discovery_control(p_values, method="bh")
    return adjusted


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
    Compare the hit rates of suggestions with similar scores, before and after.

    Parameters
    ----------
    scores_before, scores_after : ndarray, shape (n,) and (m,)
        Scores of suggestions, in [0, 1].
    hit_before, hit_after : ndarray of bool, shape (n,) and (m,)
        Whether each was a true tag.
    bins : int, default=5
        Quantile bins of the scores before, >= 1.

    Returns
    -------
    weight, rate_before, rate_after : ndarray, shape (bins,)
        Share of the suggestions after, and the hit rate before and after, in each bin; a bin
        that is empty on either side has weight 0.
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


def welch_interval(
    before: FloatArray, after: FloatArray, level: float = 0.95
) -> tuple[float, float]:
    """
    Return the confidence interval of mean(before) - mean(after), variances not assumed equal.

    Parameters
    ----------
    before, after : ndarray, shape (n,) and (m,)
        n, m >= 2.
    level : float, default=0.95
        Confidence level, in (0, 1).

    References
    ----------
    .. [1] Welch, "The generalization of 'Student's' problem when several different population
       variances are involved", Biometrika 34 (1947), 28-35.

    Examples
    --------
    >>> low, high = welch_interval(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-2.267, 2.267)
    """
    interval = stats.ttest_ind(before, after, equal_var=False).confidence_interval(level)
    return float(interval.low), float(interval.high)
