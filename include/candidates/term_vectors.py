"""TF-IDF vectors of questions' words: of the training questions at once, of a new one fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Self, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.term_counts import count_terms
from include.candidates.terms import (
    BoundedCache,
    identifier_and_subwords,
    question_terms,
    terms_of,
)
from include.candidates.vectorizer import Vectorizer
from include.text.prepared import PreparedText


@dataclass(slots=True)
class TermVectors:
    """
    Vectors of the words of title, prose and code.

    Parameters
    ----------
    title_weight : float
        Factor on the counts of words in the title.
    vectorizer : Vectorizer
    """

    title_weight: float
    vectorizer: Vectorizer
    _symbol_columns: BoundedCache[tuple[int, ...]] = field(init=False, repr=False)
    _identifier_columns: BoundedCache[tuple[int, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Create the caches of the columns of compounds and identifiers."""
        columns = self.vectorizer.columns
        self._symbol_columns = BoundedCache(lambda token: columns(terms_of(token)))
        self._identifier_columns = BoundedCache(lambda name: columns(identifier_and_subwords(name)))

    @classmethod
    def fit(
        cls,
        texts: Sequence[PreparedText],
        title_weight: float,
        min_questions: int,
        max_terms: int | None = None,
    ) -> tuple[Self, sp.csr_array]:
        """
        Select the terms of the training questions; return also their vectors.

        Parameters
        ----------
        texts : sequence of PreparedText, length n
        title_weight : float
        min_questions : int
            Minimum document frequency of a term.
        max_terms : int or None
            The terms with the largest document frequency are selected, so many at most; of equal
            ones all or none.

        Returns
        -------
        TermVectors
        csr_array of float32, shape (n, n_terms)
            Of the training questions, unit length.
        """
        counts = count_terms(texts, min_questions)
        if max_terms is not None and len(counts.terms) > max_terms:
            counts = counts.most_frequent(max_terms)
        vectorizer = Vectorizer.of_counts(counts)
        return cls(title_weight, vectorizer), vectorizer.transform(counts, title_weight)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms, by column."""
        return self.vectorizer.terms

    def vector(self, text: PreparedText) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the columns and values of the text's terms."""
        terms = question_terms(text)
        column_of = self.vectorizer.column
        in_symbols, in_code = self._symbol_columns.map, self._identifier_columns.map
        body = chain(in_symbols(terms.prose.with_symbols), in_code(terms.identifiers))
        counts: dict[int | None, float] = dict(
            Counter(chain(map(column_of, terms.prose.alphanumeric), chain.from_iterable(body)))
        )
        title = chain.from_iterable(in_symbols(terms.title.with_symbols))
        for column in chain(map(column_of, terms.title.alphanumeric), title):
            counts[column] = counts.get(column, 0.0) + self.title_weight
        counts.pop(None, None)
        return self.vectorizer.vector(cast(dict[int, float], counts))

    def save(self, folder: Path) -> None:
        """Write ``terms.txt`` and ``idf.npy``."""
        self.vectorizer.save(folder)

    @classmethod
    def load(cls, folder: Path, title_weight: float) -> Self:
        """Read what ``save`` wrote; ModelUnusableError says which file is missing or wrong."""
        return cls(title_weight, Vectorizer.load(folder))
