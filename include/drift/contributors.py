"""The top contributors to a drift signal: tags, words and quartiles that changed most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from include.drift.samples import FloatArray, Sample
from include.drift.signal_types import Contributor
from include.drift.statistics import jensen_shannon_parts, merge_rare

MAX_CONTRIBUTORS: Final = 12
MIN_USES: Final = 5.0
"""Uses in both samples together that a tag or word needs to be treated as a category of its own."""
FALSE_DISCOVERIES: Final = 0.05
"""Share of the names called changed that did not change, at most, on average."""


def quartile_contributors(
    quantity: str, before: FloatArray, after: FloatArray
) -> tuple[Contributor, ...]:
    """Return the quartiles of ``quantity`` before and after."""
    names = ("lower quartile", "median", "upper quartile")
    quartiles_before, quartiles_after = (
        np.quantile(values, [0.25, 0.5, 0.75]) for values in (before, after)
    )
    return tuple(
        Contributor(f"{quantity}, {name}", float(a), float(b), float(abs(b - a)))
        for name, a, b in zip(names, quartiles_before, quartiles_after, strict=True)
    )


def largest_values(values: FloatArray, count: int) -> FloatArray:
    """Return the ``count`` largest values, in any order; all where there are fewer."""
    if len(values) <= count:
        return values
    return np.partition(values, len(values) - count)[-count:]


def jensen_shannon_divergence(before: FloatArray, after: FloatArray) -> float:
    """
    Return the Jensen-Shannon divergence of two vectors of counts, in bits, in [0, 1].

    Names with fewer than `MIN_USES` uses in both together are merged into one category.
    """
    lumped_before, lumped_after, _ = merge_rare(before, after, MIN_USES)
    return float(jensen_shannon_parts(lumped_before, lumped_after).sum())


def divergence_contributors(
    before: FloatArray, after: FloatArray, reference: Sample, analysis: Sample
) -> tuple[Contributor, ...]:
    """Return the tags that contribute most to the divergence, largest contribution first."""
    lumped_before, lumped_after, kept = merge_rare(before, after, MIN_USES)
    contribution = np.zeros(len(before))
    contribution[kept] = jensen_shannon_parts(lumped_before, lumped_after)[:-1]
    return top_contributors(contribution, reference.tag_names, before, after, reference, analysis)


def top_contributors(
    weight: FloatArray,
    names: Sequence[str],
    before: FloatArray,
    after: FloatArray,
    reference: Sample,
    analysis: Sample,
) -> tuple[Contributor, ...]:
    """
    Return the names of largest weight, with their shares of the questions; none of weight 0.

    Parameters
    ----------
    weight : ndarray, shape (n_names,)
    names : sequence of str
    before, after : ndarray, shape (n_names,)
        Questions of each sample that have the name.
    reference, analysis : Sample
    """
    changed = changed_shares(before, after, len(reference), len(analysis))
    order = np.argsort(-weight, kind="stable")[:MAX_CONTRIBUTORS]
    return tuple(
        Contributor(
            names[i],
            float(before[i] / max(len(reference), 1)),
            float(after[i] / max(len(analysis), 1)),
            float(weight[i]),
            bool(changed[i]),
        )
        for i in order
        if weight[i] > 0
    )


def changed_shares(
    before: FloatArray, after: FloatArray, reference: int, analysis: int
) -> NDArray[np.bool_]:
    """
    Return for which names the share of questions changed by more than chance explains.

    The conditional test of two Poisson rates on each name that has any use, two-sided by twice the
    smaller tail, with a false discovery rate of `FALSE_DISCOVERIES` over all of them. For the share
    of frequent names it is conservative.

    Parameters
    ----------
    before, after : ndarray, shape (n_names,)
        Questions that have each name.
    reference, analysis : int
        Questions of each sample.

    References
    ----------
    .. [1] Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson
       series", Biometrika 31 (1940), 313-323.
    .. [2] Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal
       Statistical Society B 57 (1995), 289-300.

    Examples
    --------
    >>> before, after = np.array([10.0, 0.0, 50.0]), np.array([10.0, 1.0, 120.0])
    >>> changed_shares(before, after, 200, 186).tolist()
    [False, False, True]
    """
    found = np.zeros(len(before), dtype=bool)
    used = np.flatnonzero(before + after > 0)
    if len(used):
        drawn = stats.binom((before + after)[used], analysis / (reference + analysis))
        tails = np.minimum(drawn.cdf(after[used]), drawn.sf(after[used] - 1))
        adjusted = stats.false_discovery_control(np.minimum(2 * tails, 1.0))
        found[used] = adjusted <= FALSE_DISCOVERIES
    return found
