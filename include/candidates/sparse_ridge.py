"""
Ridge regression of every tag on a sample of the questions, in memory linear in their number.

A tag learns from all its own questions, from the questions that it is most easily confused with
(hard negatives), and from a background sample that is the same for all tags. Questions of the
background count for those that were not drawn. Up to `TagRegressions.background` questions nothing
is left out. Each regression is solved by conjugate gradients on its dual problem [1]_, whose time
grows with the number of terms in its questions; the kernel of all questions is never computed.

References
----------
.. [1] R. M. Rifkin and R. A. Lippert, "Notes on regularized least squares",
   MIT-CSAIL-TR-2007-025, 2007.
.. [2] J. R. Shewchuk, "An introduction to the conjugate gradient method without the agonizing
   pain", Carnegie Mellon University, 1994: the preconditioned iteration, section 12.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.index_type import narrow_starts
from include.candidates.nearest_centroid import fit_centroids, nearest_tags
from include.candidates.threads import fit_threads

_MAX_ITERATIONS: Final = 60

Weights = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Columns, ascending, and values of a tag's weights."""


@dataclass(frozen=True, slots=True)
class TagRegressions:
    """
    How the regressions are fitted.

    Parameters
    ----------
    penalty : float
        On the squared weights; > 0.
    hard_negatives : int
        Tags that each question is a negative for because they are its nearest; >= 1.
    centroid_terms : int
        Terms of a tag's centroid, by which the nearest are found; >= 1.
    background : int
        Size of the sample that every tag is compared with; >= 1.
    max_background_weight : float
        Limit on how many questions one of the background counts for; >= 1.
    max_weights : int
        Weights kept at most, over all tags; each tag keeps the same number of its largest.
    tolerance : float
        Of the conjugate gradients, relative to the first residual; > 0.
    seed : int
        Of the background sample.
    """

    penalty: float
    hard_negatives: int
    centroid_terms: int
    background: int
    max_background_weight: float
    max_weights: int
    tolerance: float
    seed: int

    def fit(self, vectors: sp.csr_array, labels: sp.csr_array) -> sp.csr_array:
        """
        Return the weights of the terms for each tag, shape (n_terms, n_vocabulary), float32.

        A question's scores are ``vector @ weights + labels.mean(axis=0)``. The result does not
        depend on the number of threads (`fit_threads`).

        Parameters
        ----------
        vectors : csr_array of float32, shape (n, n_terms)
        labels : csr_array of float32, shape (n, n_vocabulary)
        """
        n_tags = labels.shape[1]
        threads = fit_threads()
        samples = self._samples(vectors, labels, threads)
        kept = max(self.max_weights // n_tags, 1)

        def fit_tag(tag: int) -> Weights:
            rows, targets, importance = samples.of_tag(tag)
            columns, part = _compact(vectors[rows])
            found = solve_ridge(part, targets, importance, self.penalty, self.tolerance)
            return _largest(columns, found, kept)

        # scipy and numpy release the interpreter's lock while they compute
        with ThreadPoolExecutor(threads) as pool:
            fitted = list(pool.map(fit_tag, range(n_tags)))
        starts = narrow_starts(np.cumsum([0, *(len(columns) for columns, _ in fitted)]))
        columns = np.concatenate([columns for columns, _ in fitted])
        values = np.concatenate([values for _, values in fitted])
        del fitted
        return sp.csc_array((values, columns, starts), shape=(vectors.shape[1], n_tags)).tocsr()

    def _samples(self, vectors: sp.csr_array, labels: sp.csr_array, threads: int) -> TagSamples:
        n, n_tags = labels.shape
        mean = np.asarray(labels.mean(axis=0), dtype=np.float32).ravel()
        positives = labels.tocsc()
        positives.sort_indices()
        if n <= self.background:
            return TagSamples(positives, positives, np.arange(n), mean, self.max_background_weight)
        centroids = fit_centroids(vectors, labels, self.centroid_terms)
        count = min(self.hard_negatives, n_tags)
        near = nearest_tags(vectors, centroids, count, threads)
        drawn = np.random.default_rng(self.seed).choice(n, self.background, replace=False)
        return TagSamples(positives, near, np.sort(drawn), mean, self.max_background_weight)


@dataclass(frozen=True, slots=True)
class TagSamples:
    """
    The questions that each tag learns from.

    Parameters
    ----------
    positives : csc_array, shape (n, n_vocabulary)
        The tags' own questions.
    near : csc_array, shape (n, n_vocabulary)
        The questions that each tag is near to.
    background : ndarray of int, shape (n_background,)
        Questions for every tag, ascending.
    mean : ndarray of float32, shape (n_vocabulary,)
        Share of all questions that have each tag.
    max_background_weight : float
    """

    positives: sp.csc_array
    near: sp.csc_array
    background: NDArray[np.intp]
    mean: NDArray[np.float32]
    max_background_weight: float

    def of_tag(self, tag: int) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """Return the rows, the centred labels and the weights of a tag's questions."""
        n = self.positives.shape[0]
        own = _column(self.positives, tag)
        certain = np.union1d(own, _column(self.near, tag))
        others = np.setdiff1d(self.background, certain, assume_unique=True)
        rows = np.concatenate([certain, others])
        targets = np.full(len(rows), -self.mean[tag], dtype=np.float32)
        targets[np.searchsorted(certain, own)] += 1
        importance = np.ones(len(rows), dtype=np.float32)
        if len(others):
            represented = (n - len(certain)) / len(others)
            importance[len(certain) :] = min(self.max_background_weight, represented)
        return rows, targets, importance


def solve_ridge(
    X: sp.csr_array,
    y: NDArray[np.float32],
    importance: NDArray[np.float32],
    penalty: float,
    tolerance: float,
) -> NDArray[np.float32]:
    """
    Return the ``w`` that minimizes ``sum(importance * (y - X @ w)**2) + penalty * (w @ w)``.

    Solved for the dual coefficients ``a`` of ``(X @ X.T + penalty / importance) @ a = y``, with
    ``w = X.T @ a``, by conjugate gradients with Jacobi's preconditioner.

    Parameters
    ----------
    X : csr_array of float32, shape (n, d)
        Rows of unit length, which makes the preconditioner effective.
    y : ndarray of float32, shape (n,)
    importance : ndarray of float32, shape (n,)
        > 0.
    penalty : float
        > 0.
    tolerance : float
        The iteration ends when the preconditioned residual is so small a part of the first.
    """
    transposed = X.T
    diagonal = (penalty / importance).astype(np.float32)
    inverse = 1 / (1 + diagonal)
    dual_coef = np.zeros(len(y), dtype=np.float32)
    residual = y.copy()
    step = inverse * residual
    error = float(residual @ step)
    goal = error * tolerance**2
    for _ in range(_MAX_ITERATIONS):
        if error <= goal:
            break
        image = X @ (transposed @ step) + diagonal * step
        length = np.float32(error / float(step @ image))
        dual_coef += length * step
        residual -= length * image
        scaled = inverse * residual
        previous, error = error, float(residual @ scaled)
        step = scaled + np.float32(error / previous) * step
    weights: NDArray[np.float32] = transposed @ dual_coef
    return weights


def _compact(rows: sp.csr_array) -> tuple[NDArray[np.int32], sp.csr_array]:
    """Return the columns that occur in ``rows``, ascending, and the rows over these only."""
    occurs = np.zeros(rows.shape[1], dtype=bool)
    occurs[rows.indices] = True
    columns = np.flatnonzero(occurs).astype(np.int32)
    position = np.empty(rows.shape[1], dtype=np.int32)
    position[columns] = np.arange(len(columns), dtype=np.int32)
    shape = (rows.shape[0], len(columns))
    return columns, sp.csr_array((rows.data, position[rows.indices], rows.indptr), shape=shape)


def _largest(columns: NDArray[np.int32], values: NDArray[np.float32], count: int) -> Weights:
    """Return the ``count`` values with the largest magnitude, columns ascending."""
    if len(values) <= count:
        return columns, values
    kept = np.sort(np.argpartition(-np.abs(values), count)[:count])
    return columns[kept], values[kept]


def _column(matrix: sp.csc_array, column: int) -> NDArray[np.int32]:
    """Return the rows of a column's stored values, ascending."""
    rows: NDArray[np.int32] = matrix.indices[matrix.indptr[column] : matrix.indptr[column + 1]]
    return rows
