"""
Ridge regression of every tag at once, from the questions' kernel, with leave-one-out scores.

The closed form gives, besides the weights, what each training question would have scored had it
been left out: honest scores to learn a second stage from, without training twice.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve
from scipy.linalg.lapack import spotrf, spotri

MAX_QUESTIONS: Final = 20_000
"""The kernel has this many squared numbers (1.6 GB); of a longer window the latest are taken."""


@dataclass(frozen=True, slots=True)
class RidgeFit:
    """
    A fitted ridge regression in its dual form.

    Parameters
    ----------
    dual : ndarray of float32, shape (n, n_vocabulary)
        Scores of new questions are ``kernel(new, training) @ dual + mean``.
    mean : ndarray of float32, shape (n_vocabulary,)
        Share of the training questions that bear each tag.
    left_out : ndarray of float32, shape (n, n_vocabulary)
        Score of each training question by the model fitted without it.
    """

    dual: NDArray[np.float32]
    mean: NDArray[np.float32]
    left_out: NDArray[np.float32]


def fit_ridge(kernel: NDArray[np.float32], labels: NDArray[np.float32], penalty: float) -> RidgeFit:
    """
    Fit all tags at once.

    Parameters
    ----------
    kernel : ndarray of float32, shape (n, n)
        Similarities of the training questions; overwritten.
    labels : ndarray of float32, shape (n, n_vocabulary)
        1 where the question bears the tag, else 0.
    penalty : float
        > 0; with unit-length vectors around 1.

    Raises
    ------
    scipy.linalg.LinAlgError
        If the kernel is not positive semi-definite.
    """
    mean = labels.mean(axis=0)
    kernel[np.diag_indices_from(kernel)] += np.float32(penalty)
    factor, fault = spotrf(kernel.T, lower=1, clean=0, overwrite_a=1)
    if fault:
        raise LinAlgError(f"the kernel is not positive semi-definite (column {fault})")
    dual = cho_solve((factor, True), labels - mean, check_finite=False)
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    left_out = labels - dual / np.diagonal(inverse)[:, None]
    return RidgeFit(dual, mean.astype(np.float32), left_out.astype(np.float32))
