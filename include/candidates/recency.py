"""
How much more a tag was used lately than in the whole window: what drifting months turn on.

A ridge regression knows how often a tag goes with a word, not that half of its uses are of last
month. This tells the second stage.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_LATEST_SHARE: Final = 10
_LATEST_LEAST: Final = 300
"""Lately is the latest tenth of the questions, at least 300."""

_STEADY: Final = 5.0
"""Questions' worth of belief that nothing has changed; keeps rare tags from jumping."""


def rise_before_each(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """
    Return, for each question, how each tag's use just before it compares with its use on the whole.

    Parameters
    ----------
    labels : ndarray of float32, shape (n, n_vocabulary)
        In order of time.

    Returns
    -------
    ndarray of float32, shape (n + 1, n_vocabulary)
        Logarithm of the ratio, 0 where nothing changed; the last row is for questions to come.

    Examples
    --------
    >>> labels = np.repeat([[1, 0], [0, 1]], 300, axis=0).astype(np.float32)
    >>> [round(float(rise), 1) for rise in rise_before_each(labels)[-1]]
    [-4.0, 0.7]
    """
    count = len(labels)
    window = max(_LATEST_LEAST, count // _LATEST_SHARE)
    uses = np.zeros((count + 1, labels.shape[1]), dtype=np.float32)
    np.cumsum(labels, axis=0, out=uses[1:])
    ends = np.arange(count + 1)
    starts = np.maximum(0, ends - window)
    share = uses[-1] / count
    lately = uses - uses[starts] + _STEADY * share + 0.2
    expected = (ends - starts)[:, None] * share + _STEADY * share + 0.2
    rise: NDArray[np.float32] = np.log(lately / expected).astype(np.float32)
    return rise
