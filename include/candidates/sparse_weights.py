"""Sparse weights of terms for tags, which processes share as memory-mapped arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.model_files import read_array, write_array
from include.errors import ModelUnusableError

_PARTS: Final = ("data", "indices", "indptr")
"""Arrays of the compressed sparse row layout."""


@dataclass(frozen=True, slots=True, eq=False)
class SparseWeights:
    """
    Linear scores of all tags from a few terms.

    Parameters
    ----------
    matrix : csr_array of float32, shape (n_terms, n_vocabulary)
        By term, so that a question reads the rows of its own terms only.
    intercept : ndarray of float32, shape (n_vocabulary,)
    """

    matrix: sp.csr_array
    intercept: NDArray[np.float32]

    def score(self, columns: NDArray[np.intp], values: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Return the scores of one question, shape (n_vocabulary,).

        Parameters
        ----------
        columns : ndarray of int, shape (m,)
            Of the question's terms.
        values : ndarray of float32, shape (m,)
        """
        scores: NDArray[np.float32] = self.matrix[columns].T @ values
        scores += self.intercept
        return scores

    def score_rows(self, vectors: sp.csr_array) -> NDArray[np.float32]:
        """Return the scores of questions given as rows, shape (n, n_vocabulary)."""
        scores: NDArray[np.float32] = (vectors @ self.matrix).toarray()
        scores += self.intercept
        return scores

    def contributions(
        self, columns: NDArray[np.intp], values: NDArray[np.float32], tags: list[int]
    ) -> NDArray[np.float32]:
        """Return what each term adds to the score of each of ``tags``, shape (m, n_tags)."""
        weights: NDArray[np.float32] = self.matrix[columns][:, tags].toarray()
        return weights * values[:, None]

    def save(self, folder: Path) -> None:
        """Write the matrix as three arrays, ``weights_*.npy``, and ``mean.npy``."""
        for part in _PARTS:
            write_array(folder, f"weights_{part}.npy", getattr(self.matrix, part))
        write_array(folder, "mean.npy", self.intercept)

    @classmethod
    def load(cls, folder: Path, n_terms: int, n_vocabulary: int) -> Self:
        """
        Read what ``save`` wrote, memory-mapped.

        Raises
        ------
        ModelUnusableError
            If a file is missing or wrong, or the arrays do not fit each other or the sizes.
        """
        parts = {part: read_array(folder, f"weights_{part}.npy", mapped=True) for part in _PARTS}
        intercept = read_array(folder, "mean.npy")
        shape = (n_terms, n_vocabulary)
        try:
            matrix = sp.csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
        except ValueError as error:
            raise ModelUnusableError(f"{folder}: weights_*.npy are damaged: {error}") from error
        if len(intercept) != n_vocabulary:
            raise ModelUnusableError(f"{folder}: mean.npy does not fit the vocabulary")
        return cls(matrix, intercept)
