"""
Trend of each tag: how much more it was used recently than in the whole training window.

The first stage knows how often a tag occurs with a word, but not that half of its uses are from the
last month. The trend is a feature of the reranker.
"""

from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_RECENT_DIVISOR: Final = 10
_MIN_RECENT_QUESTIONS: Final = 300
"""Recent questions are the latest tenth, at least 300."""

_PSEUDO_QUESTIONS: Final = 5.0
"""Pseudo-count of questions with the overall share of the tag; smooths the trend of rare tags."""


class TagHistory:
    """
    When each tag was used; gives its trend at any question without a row for every question.

    Parameters
    ----------
    labels : csr_array of float32, shape (n, n_vocabulary)
        In order of time.

    Attributes
    ----------
    counts : ndarray of int64, shape (n_vocabulary,)
        Questions with each tag.

    Examples
    --------
    >>> labels = sp.csr_array(np.repeat([[1, 0], [0, 1]], 300, axis=0).astype(np.float32))
    >>> [round(float(trend), 1) for trend in TagHistory(labels).latest_trends()]
    [-4.0, 0.7]
    """

    def __init__(self, labels: sp.csr_array) -> None:
        by_tag = labels.tocsc()
        by_tag.sort_indices()
        self._n, n_tags = labels.shape
        self._starts = by_tag.indptr.astype(np.int64)
        self.counts = np.diff(self._starts)
        # One ascending key for each use, so that a binary search counts the uses of any tag
        self._uses = np.repeat(np.arange(n_tags) * (self._n + 1), self.counts) + by_tag.indices

    def latest_trends(self) -> NDArray[np.float32]:
        """Return each tag's trend for new questions, shape (n_vocabulary,)."""
        return self.trends(np.arange(len(self.counts)), np.full(len(self.counts), self._n))

    def trends(self, columns: NDArray[np.intp], positions: NDArray[np.intp]) -> NDArray[np.float32]:
        """
        Return the recent use of tags before questions, compared with their use in all questions.

        Parameters
        ----------
        columns : ndarray of int, shape (n_pairs,)
            Of the tags.
        positions : ndarray of int, shape (n_pairs,)
            Of the questions, in 0..n; n is a new question.

        Returns
        -------
        ndarray of float32, shape (n_pairs,)
            Logarithm of the ratio, 0 where nothing changed.
        """
        window = max(_MIN_RECENT_QUESTIONS, self._n // _RECENT_DIVISOR)
        starts = np.maximum(0, positions - window)
        uses = self._uses_before(columns, positions) - self._uses_before(columns, starts)
        return _trend(uses, positions - starts, self.counts[columns] / self._n)

    def known_before(self, position: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """
        Return what is known of each tag at a question, from the questions before it alone.

        Parameters
        ----------
        position : int
            Of the question, in 0..n; at n the trends are the latest ones.

        Returns
        -------
        counts : ndarray of int64, shape (n_vocabulary,)
            Questions before it that have the tag.
        trends : ndarray of float32, shape (n_vocabulary,)
            As `trends`, but compared with those questions instead of all; 0 for an unknown tag.
        """
        columns = np.arange(len(self.counts))
        start = max(0, position - max(_MIN_RECENT_QUESTIONS, self._n // _RECENT_DIVISOR))
        counts = self._uses_before(columns, np.full(len(columns), position))
        earlier = self._uses_before(columns, np.full(len(columns), start))
        trends = _trend(counts - earlier, position - start, counts / max(position, 1))
        return counts, trends

    def _uses_before(
        self, columns: NDArray[np.intp], positions: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        found = np.searchsorted(self._uses, columns * (self._n + 1) + positions)
        return found - self._starts[columns]


def _trend(
    uses: NDArray[np.int64], questions: NDArray[np.intp] | int, share: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the logarithm of recent uses over those expected from the overall share."""
    pseudo_uses = _PSEUDO_QUESTIONS * share + 0.2
    ratio = (uses + pseudo_uses) / (questions * share + pseudo_uses)
    return np.log(ratio).astype(np.float32)
