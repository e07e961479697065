"""
The tags whose average question is most similar to a question: hard negatives for training.

A tag is told apart from others by the questions that could be its own. Those are found by comparing
each question with the mean vector of each tag's questions, as in nearest-centroid (Rocchio)
classification [1]_.

References
----------
.. [1] C. D. Manning, P. Raghavan and H. Schütze, "Introduction to Information Retrieval",
   section 14.2, Cambridge University Press, 2008.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.index_type import narrow_starts

_TAGS_PER_BLOCK: Final = 250
_QUESTIONS_PER_BLOCK: Final = 1_000
"""A block's similarities to 5,000 tags take 20 MB."""


def fit_centroids(vectors: sp.csr_array, labels: sp.csr_array, max_terms: int) -> sp.csr_array:
    """
    Return the unit-length mean vector of each tag's questions, shape (n_terms, n_vocabulary).

    Parameters
    ----------
    vectors : csr_array of float32, shape (n, n_terms)
        Unit length.
    labels : csr_array of float32, shape (n, n_vocabulary)
    max_terms : int
        Only so many of a centroid's largest weights are kept.
    """
    questions_of_tags = labels.T.tocsr()
    blocks = [
        _largest(questions_of_tags[start : start + _TAGS_PER_BLOCK] @ vectors, max_terms)
        for start in range(0, labels.shape[1], _TAGS_PER_BLOCK)
    ]
    centroids: sp.csr_array = sp.vstack(blocks, format="csr").T.tocsr()
    return centroids


def nearest_tags(
    vectors: sp.csr_array, centroids: sp.csr_array, count: int, threads: int
) -> sp.csc_array:
    """
    Return 1 where a tag is among the ``count`` nearest ones of a question.

    Parameters
    ----------
    vectors : csr_array of float32, shape (n, n_terms)
    centroids : csr_array of float32, shape (n_terms, n_vocabulary)
        From `fit_centroids`.
    count : int
        1 <= count <= n_vocabulary.
    threads : int
        Blocks of questions that are compared at the same time.

    Returns
    -------
    csc_array of int8, shape (n, n_vocabulary)
        With ``count`` ones in each row.
    """
    n, n_tags = vectors.shape[0], centroids.shape[1]
    nearest = np.empty((n, count), dtype=np.int32)

    def compare(start: int) -> None:
        block = slice(start, start + _QUESTIONS_PER_BLOCK)
        similarities = (vectors[block] @ centroids).toarray()
        nearest[block] = np.argpartition(similarities, n_tags - count, axis=1)[:, -count:]

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(compare, range(0, n, _QUESTIONS_PER_BLOCK)):
            pass
    ones = np.ones(n * count, dtype=np.int8)
    starts = narrow_starts(np.arange(0, n * count + 1, count))
    return sp.csr_array((ones, nearest.ravel(), starts), shape=(n, n_tags)).tocsc()


def _largest(sums: sp.csr_array, max_terms: int) -> sp.csr_array:
    """Scale each row to unit length, then drop all but its largest values."""
    for values in _rows_of(sums):
        length = np.sqrt(values @ values)
        if length > 0:
            values /= length
        if len(values) > max_terms:
            values[np.argpartition(-values, max_terms)[max_terms:]] = 0
    sums.eliminate_zeros()
    return sums


def _rows_of(matrix: sp.csr_array) -> Iterator[NDArray[np.float32]]:
    """Yield a view of each row's stored values."""
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        yield matrix.data[start:end]
