"""
How many of the ranked tags to suggest: the set with the highest expected F1. Pure.

For independent tags, the set of each size with the highest expected F1 has the most probable tags
[1]_, so only the number is to be found. The expectation needs inverse moments of a sum of
independent indicators, which are integrals of its generating function [2]_; Gauss-Legendre
quadrature computes these in a few vectorised steps, exactly but for the Poisson part. See [3]_ for
algorithms that enumerate the sum instead.

References
----------
.. [1] D. D. Lewis, "Evaluating and optimizing autonomous text classification systems", SIGIR 1995.
.. [2] M. T. Chao and W. E. Strawderman, "Negative moments of positive random variables", Journal
   of the American Statistical Association 67(338), 429-431, 1972.
.. [3] N. Ye, K. M. A. Chai, W. S. Lee and H. L. Chieu, "Optimizing F-measures: a tale of two
   approaches", ICML 2012.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError

SET_LIMIT: Final = 5
"""Tags of a question at most, on every Stack Exchange site."""
SET_DEPTH: Final = 10
"""Best tags that the expectation is computed from; those below have a few percent each at most."""
MIN_BEST_SCORE: Final = 0.25
"""A question whose best tag is less probable gets no tag outright."""
UNRANKED_TAGS: Final = 0.4
"""Mean number of a question's true tags that are not among the `SET_DEPTH` best."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_T: Final = (_NODES + 1) / 2  # of [0, 1]; exact for polynomials to degree 31
_ABSENT: Final = 1 - _T
_UNRANKED: Final = _WEIGHTS / 2 * np.exp(-UNRANKED_TAGS * _ABSENT)
_POWERS: Final = _T ** np.arange(3 * SET_LIMIT + 1)[:, np.newaxis]


def expected_f1(scores: NDArray[np.float64], given: int = 0) -> NDArray[np.float64]:
    """
    Return the expected F1 of the 0 to `SET_LIMIT` best tags, each set with the given tags.

    F1 is ``2 * hits / (suggested + true)`` over all tags. Tags are taken as independent. Of those
    that are not ranked, a Poisson number with mean `UNRANKED_TAGS` is true.

    Parameters
    ----------
    scores : ndarray of float, shape (n_questions, n_ranked)
        Probabilities of the best tags, best first, in [0, 1], at least one column. Columns from
        `SET_DEPTH` on are ignored.
    given : int, default=0
        Tags that are already chosen and counted as true, in 0..SET_LIMIT.

    Returns
    -------
    ndarray of float, shape (n_questions, n + 1)
        By number of tags, 0 to ``n = min(SET_LIMIT - given, n_ranked)``.

    Raises
    ------
    FixInputError
        If ``given`` is out of range.

    Examples
    --------
    >>> expected_f1(np.array([[0.9, 0.8, 0.1]])).argmax(axis=1)
    array([2])
    """
    if not 0 <= given <= SET_LIMIT:
        raise FixInputError(f"given must be in 0..{SET_LIMIT}, got {given}")
    ranked = scores[:, :SET_DEPTH, np.newaxis]
    sizes = min(SET_LIMIT - given, ranked.shape[1])
    factors = 1 - ranked * _ABSENT
    generating = np.multiply.reduce(factors, axis=1) * _UNRANKED
    hits = np.zeros((len(scores), sizes + 1, len(_T)))
    np.add.accumulate(ranked[:, :sizes] / factors[:, :sizes], axis=1, out=hits[:, 1:])
    if given:  # 1 / x is the integral of t^(x - 1), and each hit adds one true tag to x
        hits *= _T
        hits += given
        powers = _POWERS[2 * given - 1 : 2 * given + sizes]
    else:
        powers = _POWERS[: sizes + 1]
    hits *= powers
    expected: NDArray[np.float64] = 2 * (hits @ generating[..., np.newaxis])[..., 0]
    return expected


def suggested_counts(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """
    Return how many of the best tags to suggest outright for each question; 0 is to abstain.

    Parameters
    ----------
    scores : ndarray of float, shape (n_questions, n_ranked)
        As for `expected_f1`.

    Returns
    -------
    ndarray of int, shape (n_questions,)
        In 0..SET_LIMIT; 0 where no tag reaches `MIN_BEST_SCORE`.
    """
    counts: NDArray[np.intp] = expected_f1(scores).argmax(axis=1)
    counts[scores[:, 0] < MIN_BEST_SCORE] = 0
    return counts
