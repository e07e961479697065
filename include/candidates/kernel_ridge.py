"""
Kernel ridge regression of all tags at once, with leave-one-out predictions in closed form.

The leave-one-out score of a training question is the score by the model fitted without it. It
needs no second fit, and is what the reranker is fitted to.

References
----------
.. [1] C. Saunders, A. Gammerman and V. Vovk, "Ridge regression learning algorithm in dual
   variables", ICML 1998.
.. [2] R. M. Rifkin and R. A. Lippert, "Notes on regularized least squares",
   MIT-CSAIL-TR-2007-025, 2007: the closed form of the leave-one-out predictions.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve
from scipy.linalg.lapack import spotrf, spotri

MAX_QUESTIONS: Final = 20_000
"""Limit on training questions, as the kernel has its square of values (1.6 GB)."""


@dataclass(frozen=True, slots=True)
class KernelRidgeFit:
    """
    A fitted kernel ridge regression.

    Parameters
    ----------
    dual_coef : ndarray of float32, shape (n, n_vocabulary)
        Scores of new questions are ``kernel(new, training) @ dual_coef + mean``.
    mean : ndarray of float32, shape (n_vocabulary,)
        Share of the training questions that have each tag.
    loo_scores : ndarray of float32, shape (n, n_vocabulary)
        Score of each training question by the model fitted without it.
    """

    dual_coef: NDArray[np.float32]
    mean: NDArray[np.float32]
    loo_scores: NDArray[np.float32]


def fit_kernel_ridge(
    kernel: NDArray[np.float32], labels: NDArray[np.float32], penalty: float
) -> KernelRidgeFit:
    """
    Fit the regressions of all tags.

    Parameters
    ----------
    kernel : ndarray of float32, shape (n, n)
        Of the training questions; overwritten.
    labels : ndarray of float32, shape (n, n_vocabulary)
        1 where the question has the tag, else 0.
    penalty : float
        > 0; around 1 for unit-length vectors.

    Raises
    ------
    scipy.linalg.LinAlgError
        If the kernel is not positive semi-definite.
    """
    mean = labels.mean(axis=0)
    kernel[np.diag_indices_from(kernel)] += np.float32(penalty)
    factor, column = spotrf(kernel.T, lower=1, clean=0, overwrite_a=1)
    if column:
        raise LinAlgError(f"the kernel is not positive semi-definite (column {column})")
    dual_coef = cho_solve((factor, True), labels - mean, check_finite=False)
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    loo_scores = labels - dual_coef / np.diagonal(inverse)[:, None]
    return KernelRidgeFit(dual_coef, mean.astype(np.float32), loo_scores.astype(np.float32))
