"""
Ridge regression of all tags at once on vectors of few dimensions, with sparse labels.

It is that of `include.candidates.kernel_ridge` with a linear kernel, solved for the weights of the
dimensions and not of the questions: time and memory grow with the number of questions, and not with
its square or cube. The leave-one-out scores come from the diagonal of the hat matrix.

References
----------
.. [1] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", 2nd ed.,
   section 7.10.1, Springer, 2009: the closed form of the leave-one-out predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

_BATCH: Final = 10_000
"""Questions whose products are summed at once, in double precision."""


@dataclass(frozen=True, slots=True)
class PrimalRidgeFit:
    """
    A fitted ridge regression.

    Parameters
    ----------
    weights : ndarray of float32, shape (dimensions, n_vocabulary)
        Scores of new questions are ``vectors @ weights + mean``.
    mean : ndarray of float32, shape (n_vocabulary,)
        Share of the training questions that have each tag.
    inverse : ndarray of float64, shape (dimensions, dimensions)
        Of the vectors' products plus the penalty.
    """

    weights: NDArray[np.float32]
    mean: NDArray[np.float32]
    inverse: NDArray[np.float64]

    def scores_without_themselves(
        self, vectors: NDArray[np.float32], labels: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """
        Return the score of each question by the model fitted on all others.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, dimensions)
            Of some of the training questions.
        labels : ndarray of float32, shape (n, n_vocabulary)
            Theirs.
        """
        leverage = ((vectors @ self.inverse) * vectors).sum(axis=1)
        residuals = labels - self.mean - vectors @ self.weights
        scores: NDArray[np.float32] = labels - residuals / (1 - leverage)[:, None]
        return scores.astype(np.float32)


def fit_primal_ridge(
    vectors: NDArray[np.float32], labels: sp.csr_array, penalty: float
) -> PrimalRidgeFit:
    """
    Fit the regressions of all tags.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, dimensions)
        Of the training questions.
    labels : sparse array of float32, shape (n, n_vocabulary)
        1 where the question has the tag.
    penalty : float
        > 0; around 1 for unit-length vectors.
    """
    dimensions = vectors.shape[1]
    products = penalty * np.eye(dimensions)
    for start in range(0, len(vectors), _BATCH):
        batch = vectors[start : start + _BATCH].astype(np.float64)
        products += batch.T @ batch
    mean = labels.mean(axis=0, dtype=np.float64)
    of_tags = (labels.T @ vectors).T - np.outer(vectors.sum(axis=0, dtype=np.float64), mean)
    factor = cho_factor(products, lower=True)
    return PrimalRidgeFit(
        cho_solve(factor, of_tags).astype(np.float32),
        mean.astype(np.float32),
        cho_solve(factor, np.eye(dimensions)),
    )
