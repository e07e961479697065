"""
Kernel ridge regression of all tags at once, with the scores that a reranker learns from.

A reranker must see the scores that its tags would have had without the question itself. There are
two kinds, both in closed form from one factorization of the kernel. The leave-one-out score is that
of a model fitted on all other questions. The forward score is that of a model fitted only on
questions asked before: a tag that is used for the first time has no score yet, as in service.

With ``kernel + penalty * I = L L'`` in order of time, the leading block of ``L`` is the factor of
the first questions' kernel. So the model of the first ``m`` questions scores question ``i`` as
``L[i, :m] @ inv(L[:m, :m]) @ labels[:m]``, whatever ``m``.

References
----------
.. [1] C. Saunders, A. Gammerman and V. Vovk, "Ridge regression learning algorithm in dual
   variables", ICML 1998.
.. [2] R. M. Rifkin and R. A. Lippert, "Notes on regularized least squares",
   MIT-CSAIL-TR-2007-025, 2007: the closed form of the leave-one-out predictions.
.. [3] A. P. Dawid, "Present position and potential developments: some personal views. Statistical
   theory: the prequential approach", J. R. Stat. Soc. A 147(2), 278-292, 1984: judging each
   forecast by what comes after it.
.. [4] G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th ed., section 4.2, 2013: factors of
   leading blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, solve_triangular
from scipy.linalg.lapack import spotrf, spotri

from include.candidates.time_blocks import Block

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
    factor = _factorize(kernel, penalty)
    dual_coef = cho_solve((factor, True), labels - mean, check_finite=False)
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    loo_scores = labels - dual_coef / np.diagonal(inverse)[:, None]
    return KernelRidgeFit(dual_coef, mean.astype(np.float32), loo_scores.astype(np.float32))


@dataclass(frozen=True, slots=True)
class ForwardFit:
    """
    A kernel ridge regression fitted on all questions, with scores by models of earlier ones.

    Parameters
    ----------
    dual_coef : ndarray of float32, shape (n, n_vocabulary)
        As in `KernelRidgeFit`.
    scores : ndarray of float32, shape (n_scored, n_vocabulary)
        Forward scores of the questions of all blocks, in order.
    """

    dual_coef: NDArray[np.float32]
    scores: NDArray[np.float32]


def fit_forward(
    kernel: NDArray[np.float32],
    labels: NDArray[np.float32],
    penalty: float,
    blocks: Sequence[Block],
) -> ForwardFit:
    """
    Fit the regressions of all tags, and score blocks of questions by models of those before.

    The blocks cost no further factorization.

    Parameters
    ----------
    kernel, labels, penalty
        As in `fit_kernel_ridge`, in order of time.
    blocks : sequence of Block
        At least one; see `include.candidates.time_blocks.latest_blocks`.

    Raises
    ------
    scipy.linalg.LinAlgError
        If the kernel is not positive semi-definite.
    """
    factor = _factorize(kernel, penalty)
    ones = np.ones((len(labels), 1), dtype=np.float32)
    solved = solve_triangular(
        factor, np.concatenate([labels, ones], axis=1), lower=True, check_finite=False
    )
    scores = np.empty((sum(block.stop - block.start for block in blocks), labels.shape[1]), "f4")
    uses, counted, row = np.zeros(labels.shape[1], dtype=np.float64), 0, 0
    for block in blocks:
        uses += labels[counted : block.known].sum(axis=0, dtype=np.float64)
        counted = block.known
        mean = (uses / max(counted, 1)).astype(np.float32)
        scored = factor[block.start : block.stop, :counted] @ solved[:counted]
        # The regressions are of labels less their mean, which differs from block to block
        of_block = scored[:, :-1] + mean * (1 - scored[:, -1:])
        scores[row : row + len(of_block)] = of_block
        row += len(of_block)
    centred = solved[:, :-1] - solved[:, -1:] * labels.mean(axis=0)
    dual_coef = solve_triangular(
        factor, centred, lower=True, trans=1, overwrite_b=True, check_finite=False
    )
    return ForwardFit(dual_coef.astype(np.float32, copy=False), scores)


def _factorize(kernel: NDArray[np.float32], penalty: float) -> NDArray[np.float32]:
    """Return the lower Cholesky factor of ``kernel + penalty * I``; above it are other values."""
    kernel[np.diag_indices_from(kernel)] += np.float32(penalty)
    factor, column = spotrf(kernel.T, lower=1, clean=0, overwrite_a=1)
    if column:
        raise LinAlgError(f"the kernel is not positive semi-definite (column {column})")
    lower: NDArray[np.float32] = factor
    return lower
