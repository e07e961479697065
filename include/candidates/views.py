"""
Two ways to look at a question, each with a kernel to learn from and scores to serve by.

`TermView` sees words: its scores are sums of the rows of a question's own terms, mapped from disk.
`MeaningView` sees an encoder's vector: its scores come from its likeness to each training question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.base import Encoder
from include.candidates.folder import read_array, write_array
from include.candidates.terms import (
    Remembered,
    identifier_and_subwords,
    question_terms,
    term_counts,
    terms_of,
)
from include.candidates.vectoriser import Vectoriser
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

_SHARPNESS: Final = 4.0
"""Of the likeness of two vectors: neighbours count, texts of another topic hardly do."""


def likeness(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Gaussian kernel of unit vectors, in (0, 1], shape (n_left, n_right)."""
    kernel = left @ right.T
    kernel -= 1
    kernel *= np.float32(_SHARPNESS)
    np.exp(kernel, out=kernel)
    return kernel


@dataclass(slots=True)
class TermView:
    """
    Words, TF-IDF weighted; linear.

    Parameters
    ----------
    title_weight : float
        How often a word of the title counts.
    vectoriser : Vectoriser
    weights : ndarray of float32, shape (n_terms, n_outputs)
        Values of half precision, which rank the same, in single precision, which needs no
        conversion for every question; mapped from disk, so workers share them.
    """

    title_weight: float
    vectoriser: Vectoriser
    weights: NDArray[np.float32]
    _signed_columns: Remembered[tuple[int, ...]] = field(init=False, repr=False)
    _identifier_columns: Remembered[tuple[int, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to remember the columns of compounds and identifiers."""
        columns = self.vectoriser.columns
        self._signed_columns = Remembered(lambda piece: columns(terms_of(piece)))
        self._identifier_columns = Remembered(lambda name: columns(identifier_and_subwords(name)))

    @classmethod
    def learn(cls, texts: Sequence[PreparedText], title_weight: float, min_questions: int) -> Self:
        """Return the view of the training questions' words, without weights as yet."""
        counts = [term_counts(text, title_weight) for text in texts]
        vectoriser = Vectoriser.fit(counts, min_questions)
        return cls(title_weight, vectoriser, np.zeros((len(vectoriser.terms), 0), np.float32))

    def matrix(self, texts: Sequence[PreparedText]) -> sp.csr_array:
        """Return the texts' vectors as rows, shape (n_texts, n_terms), float32."""
        return self.vectoriser.matrix([self.vector(text) for text in texts])

    def learn_outputs(self, rows: sp.csr_array, dual: NDArray[np.float32]) -> None:
        """
        Turn what each training question says into weights of terms.

        Parameters
        ----------
        rows : csr_array, shape (n, n_terms)
            The training questions', from `matrix`.
        dual : ndarray of float32, shape (n, n_outputs)
        """
        self.weights = half_precision(rows.T @ dual)

    def vector(self, text: PreparedText) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the columns and values of the text's terms."""
        terms = question_terms(text)
        column_of = self.vectoriser.column
        in_signed, in_code = self._signed_columns.of, self._identifier_columns.of
        body = chain(in_signed(terms.prose.signed), in_code(terms.identifiers))
        counts: dict[int | None, float] = dict(
            Counter(chain(map(column_of, terms.prose.plain), chain.from_iterable(body)))
        )
        title = chain.from_iterable(in_signed(terms.title.signed))
        for column in chain(map(column_of, terms.title.plain), title):
            counts[column] = counts.get(column, 0.0) + self.title_weight
        counts.pop(None, None)
        return self.vectoriser.vector(cast(dict[int, float], counts))

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return shape (n_texts, n_outputs); a text costs as much as it has terms."""
        scores = np.zeros((len(texts), self.weights.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            columns, values = self.vector(text)
            np.dot(values, self.weights.take(columns, axis=0), out=scores[row])
        return scores

    def save(self, folder: Path) -> None:
        """Write the terms and ``term_weights.npy``."""
        self.vectoriser.save(folder)
        write_array(folder, "term_weights.npy", self.weights)

    @classmethod
    def load(cls, folder: Path, title_weight: float) -> Self:
        """Read what ``save`` wrote; ModelUnusableError says which file is missing or wrong."""
        vectoriser = Vectoriser.load(folder)
        weights = read_array(folder, "term_weights.npy", mapped=True)
        if weights.dtype != np.float32:  # models of before; ends with them
            weights = weights.astype(np.float32)
        if weights.ndim != 2 or len(weights) != len(vectoriser.terms):
            raise ModelUnusableError(
                f"{folder / 'term_weights.npy'} has shape {weights.shape}, "
                f"not one row for each of the {len(vectoriser.terms)} terms"
            )
        return cls(title_weight, vectoriser, weights)


@dataclass(slots=True)
class MeaningView:
    """
    An encoder's vectors; Gaussian kernel.

    Parameters
    ----------
    encoder : Encoder
    vectors : ndarray of float32, shape (n_questions, dimensions)
        Of the training questions, unit length.
    dual : ndarray of float32, shape (n_questions, n_outputs)
        What each training question says for each output, if the text were the very same.
    """

    encoder: Encoder
    vectors: NDArray[np.float32]
    dual: NDArray[np.float32]

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return shape (n_texts, n_outputs)."""
        return self.likeness(texts) @ self.dual

    def likeness(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return how alike each text and each training question are, in (0, 1]."""
        return likeness(self.encoder.encode(texts), self.vectors)

    def save(self, folder: Path, name: str) -> None:
        """Write ``vectors_<name>.npy`` and ``dual_<name>.npy``, in half precision."""
        write_array(folder, f"vectors_{name}.npy", self.vectors.astype(np.float16))
        write_array(folder, f"dual_{name}.npy", self.dual.astype(np.float16))

    @classmethod
    def load(cls, folder: Path, name: str, encoder: Encoder) -> Self:
        """Read what ``save`` wrote; ModelUnusableError says which file is missing or wrong."""
        vectors = read_array(folder, f"vectors_{name}.npy").astype(np.float32)
        dual = read_array(folder, f"dual_{name}.npy").astype(np.float32)
        if vectors.shape != (len(dual), encoder.dimensions):
            raise ModelUnusableError(
                f"{folder / f'vectors_{name}.npy'} has shape {vectors.shape}, "
                f"not {(len(dual), encoder.dimensions)}"
            )
        return cls(encoder, vectors, dual)


def half_precision(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values as they come back from disk, so that saving changes no score."""
    return values.astype(np.float16).astype(np.float32)
