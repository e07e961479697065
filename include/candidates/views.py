"""
Two representations of a question, each with a kernel for training and scores for serving.

`TermView` has TF-IDF vectors of words, and a linear kernel: a score is the sum of weights of the
question's own terms, which are memory-mapped from disk. `EmbeddingView` has an encoder's vectors,
and a Gaussian kernel: a score is a sum over the similarities to all training questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.base import Encoder
from include.candidates.model_files import read_array, write_array
from include.candidates.term_vectors import TermVectors
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

_KERNEL_SCALE: Final = 4.0
"""Scale of ``exp(scale * (cosine - 1))``, the Gaussian (RBF) kernel of unit vectors, gamma = 2."""


def similarity(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Gaussian kernel of unit vectors, in (0, 1], shape (n_left, n_right)."""
    kernel = left @ right.T
    kernel -= 1
    kernel *= np.float32(_KERNEL_SCALE)
    np.exp(kernel, out=kernel)
    return kernel


@dataclass(slots=True)
class TermView:
    """
    TF-IDF vectors of words; linear kernel.

    Parameters
    ----------
    vectors : TermVectors
    weights : ndarray of float32, shape (n_terms, n_outputs)
        Rounded to half precision, which ranks the same, and stored in single precision, which
        needs no conversion at each question; memory-mapped, so workers share the pages.
    """

    vectors: TermVectors
    weights: NDArray[np.float32]

    @classmethod
    def fit(
        cls, texts: Sequence[PreparedText], title_weight: float, min_questions: int
    ) -> tuple[Self, sp.csr_array]:
        """
        Return the view of the training questions' words, still without weights, and their vectors.

        The vectors are the rows of a matrix, shape (n_texts, n_terms), float32.
        """
        vectors, rows = TermVectors.fit(texts, title_weight, min_questions)
        return cls(vectors, np.zeros((rows.shape[1], 0), np.float32)), rows

    def set_weights(self, rows: sp.csr_array, dual_coef: NDArray[np.float32]) -> None:
        """
        Set the primal weights of the terms from the dual coefficients of the training questions.

        Parameters
        ----------
        rows : csr_array, shape (n, n_terms)
            Of the training questions, from `fit`.
        dual_coef : ndarray of float32, shape (n, n_outputs)
        """
        self.weights = half_precision(rows.T @ dual_coef)

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return shape (n_texts, n_outputs); the time of a text grows with its number of terms."""
        scores = np.zeros((len(texts), self.weights.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            columns, values = self.vectors.vector(text)
            np.dot(values, self.weights.take(columns, axis=0), out=scores[row])
        return scores

    def save(self, folder: Path) -> None:
        """Write the terms and ``term_weights.npy``."""
        self.vectors.save(folder)
        write_array(folder, "term_weights.npy", self.weights)

    @classmethod
    def load(cls, folder: Path, title_weight: float) -> Self:
        """Read what ``save`` wrote; ModelUnusableError says which file is missing or wrong."""
        vectors = TermVectors.load(folder, title_weight)
        weights = read_array(folder, "term_weights.npy", mapped=True)
        if weights.dtype != np.float32:  # models saved by versions before 2026-11-26
            weights = weights.astype(np.float32)
        if weights.ndim != 2 or len(weights) != len(vectors.terms):
            raise ModelUnusableError(
                f"{folder / 'term_weights.npy'} has shape {weights.shape}, "
                f"not one row for each of the {len(vectors.terms)} terms"
            )
        return cls(vectors, weights)


@dataclass(slots=True)
class EmbeddingView:
    """
    Embeddings of an encoder; Gaussian kernel.

    Parameters
    ----------
    encoder : Encoder
    vectors : ndarray of float32, shape (n_questions, dimensions)
        Of the training questions, unit length.
    dual_coef : ndarray of float32, shape (n_questions, n_outputs)
        Of the kernel ridge regressions.
    """

    encoder: Encoder
    vectors: NDArray[np.float32]
    dual_coef: NDArray[np.float32]

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return shape (n_texts, n_outputs)."""
        return self.similarity(texts) @ self.dual_coef

    def similarity(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the kernel of each text and each training question, in (0, 1]."""
        return similarity(self.encoder.encode(texts), self.vectors)

    def save(self, folder: Path, name: str) -> None:
        """Write ``vectors_<name>.npy`` and ``dual_<name>.npy``, in half precision."""
        write_array(folder, f"vectors_{name}.npy", self.vectors.astype(np.float16))
        write_array(folder, f"dual_{name}.npy", self.dual_coef.astype(np.float16))

    @classmethod
    def load(cls, folder: Path, name: str, encoder: Encoder) -> Self:
        """Read what ``save`` wrote; ModelUnusableError says which file is missing or wrong."""
        vectors = read_array(folder, f"vectors_{name}.npy").astype(np.float32)
        dual_coef = read_array(folder, f"dual_{name}.npy").astype(np.float32)
        if vectors.shape != (len(dual_coef), encoder.dimensions):
            raise ModelUnusableError(
                f"{folder / f'vectors_{name}.npy'} has shape {vectors.shape}, "
                f"not {(len(dual_coef), encoder.dimensions)}"
            )
        return cls(encoder, vectors, dual_coef)


def half_precision(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values rounded as they are on disk, so that saving changes no score."""
    return values.astype(np.float16).astype(np.float32)
