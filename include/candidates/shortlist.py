"""
The tags of a question that the second stage decides between: the best of the first, and mentions.

All arrays describe pairs of a question and a tag, sorted by question, then by tag. With thousands
of tags a question has some fifty pairs, so their features take little time and memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.mentions import MENTION_FEATURES, Mentions
from include.candidates.reranker import score_features

N_FEATURES: Final = 4 + len(MENTION_FEATURES)
"""Features of a pair: score and its logarithm, log count and trend of the tag, mentions."""

_NAMED: Final = [number for number, name in enumerate(MENTION_FEATURES) if name.startswith("named")]
"""A whole name puts its tag on the shortlist; parts of names are found in almost every text."""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """
    The pairs of some questions.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n_pairs,)
        Of the question and of the tag.
    scores : ndarray of float32, shape (n_pairs,)
        By the first stage.
    mentions : ndarray of float32, shape (n_pairs, 5)
        As `MENTION_FEATURES`.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    scores: NDArray[np.float32]
    mentions: NDArray[np.float32]

    @classmethod
    def of_scores(
        cls, scores: NDArray[np.float32], mentions: Sequence[Mentions], size: int
    ) -> Self:
        """
        Return the pairs of each question with its ``size`` best tags and the tags that it names.

        Parameters
        ----------
        scores : ndarray of float32, shape (n, n_vocabulary)
        mentions : sequence of Mentions, length n >= 1
        size : int
            >= 1; all tags are paired where there are fewer.
        """
        n, n_tags = scores.shape
        size = min(size, n_tags)
        best = np.argpartition(scores, n_tags - size, axis=1)[:, n_tags - size :]
        lengths = [len(found.columns) for found in mentions]
        keys = np.repeat(np.arange(n) * n_tags, lengths)
        keys += np.concatenate([found.columns for found in mentions])
        values = np.concatenate([found.values for found in mentions])
        named = keys[values[:, _NAMED].any(axis=1)]
        pairs = np.union1d((np.arange(n)[:, None] * n_tags + best).ravel(), named)
        rows, columns = np.divmod(pairs, n_tags)
        listed = np.isin(keys, pairs, assume_unique=True)
        of_pairs = np.zeros((len(pairs), len(MENTION_FEATURES)), dtype=np.float32)
        of_pairs[np.searchsorted(pairs, keys[listed])] = values[listed]
        return cls(rows, columns, scores[rows, columns], of_pairs)

    def features(
        self, log_counts: NDArray[np.float32], trends: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """
        Return the features of the pairs, shape (n_pairs, N_FEATURES).

        Parameters
        ----------
        log_counts, trends : ndarray of float32, shape (n_pairs,)
            Of the pairs' tags; trends at the time of the question.
        """
        tag_features = np.stack([log_counts, trends], axis=1)
        return np.concatenate([score_features(self.scores), tag_features, self.mentions], axis=1)
