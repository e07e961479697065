"""
Trend of each tag: how much more it was used recently than in the whole training window.

The first stage knows how often a tag occurs with a word, but not that half of its uses are from the
last month. The trend is a feature of the reranker.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_RECENT_DIVISOR: Final = 10
_MIN_RECENT_QUESTIONS: Final = 300
"""Recent questions are the latest tenth, at least 300."""

_PSEUDO_QUESTIONS: Final = 5.0
"""Pseudo-count of questions with the overall share of the tag; smooths the trend of rare tags."""


def tag_trends(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Return each tag's recent use before each question, compared with its use in all questions.

    Parameters
    ----------
    labels : ndarray of float32, shape (n, n_vocabulary)
        In order of time.

    Returns
    -------
    ndarray of float32, shape (n + 1, n_vocabulary)
        Logarithm of the ratio, 0 where nothing changed; the last row is for new questions.

    Examples
    --------
    >>> labels = np.repeat([[1, 0], [0, 1]], 300, axis=0).astype(np.float32)
    >>> [round(float(trend), 1) for trend in tag_trends(labels)[-1]]
    [-4.0, 0.7]
    """
    count = len(labels)
    window = max(_MIN_RECENT_QUESTIONS, count // _RECENT_DIVISOR)
    uses = np.zeros((count + 1, labels.shape[1]), dtype=np.float32)
    np.cumsum(labels, axis=0, out=uses[1:])
    ends = np.arange(count + 1)
    starts = np.maximum(0, ends - window)
    share = uses[-1] / count
    recent = uses - uses[starts] + _PSEUDO_QUESTIONS * share + 0.2
    expected = (ends - starts)[:, None] * share + _PSEUDO_QUESTIONS * share + 0.2
    trend: NDArray[np.float32] = np.log(recent / expected).astype(np.float32)
    return trend
