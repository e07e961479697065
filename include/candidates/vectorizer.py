"""TF-IDF vectors whose whole state is a list of terms and an array, so that it loads fast."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.model_files import read_array, write_array
from include.candidates.term_counts import TermCounts
from include.errors import FixInputError, ModelUnusableError


class Vectorizer:
    """
    Unit-length TF-IDF vectors with sublinear term frequency and smoothed document frequency.

    A weight is ``(1 + ln tf) * (1 + ln((n + 1) / (df + 1)))``, as in scikit-learn's
    ``TfidfTransformer(sublinear_tf=True)`` [1]_.

    Attributes
    ----------
    terms : tuple of str
        Sorted; the columns of a vector.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan and H. Schütze, "Introduction to Information Retrieval",
       sections 6.2 and 6.4.1, Cambridge University Press, 2008.
    """

    def __init__(self, terms: Sequence[str], idf: NDArray[np.float32]) -> None:
        self.terms = tuple(terms)
        self._idf = idf
        self._columns = {term: column for column, term in enumerate(self.terms)}
        self.column: Callable[[str], int | None] = self._columns.get
        """The column of a term, None if it is not in the vocabulary."""

    @classmethod
    def fit(cls, counts: Sequence[Mapping[str, float]], min_questions: int) -> Self:
        """
        Select terms and compute their weights, from term counts of the training questions.

        Raises
        ------
        FixInputError
            If no term occurs in ``min_questions`` questions.
        """
        frequency = Counter(term for row in counts for term in row)
        terms = sorted(term for term, count in frequency.items() if count >= min_questions)
        if not terms:
            raise FixInputError(
                f"no word occurs in {min_questions} of the {len(counts)} training questions: "
                "train on more months"
            )
        document_frequency = np.array([frequency[term] for term in terms], dtype=np.float64)
        return cls(terms, _idf(document_frequency, len(counts)))

    @classmethod
    def of_counts(cls, counts: TermCounts) -> Self:
        """Compute the weights of all terms of ``counts``; see `term_counts.count_terms`."""
        return cls(counts.terms, _idf(counts.question_frequency(), len(counts)))

    def columns(self, terms: Iterable[str]) -> tuple[int, ...]:
        """Return the columns of those of ``terms`` that are in the vocabulary, in order."""
        return tuple(self._columns[term] for term in terms if term in self._columns)

    def vector(self, counts: Mapping[int, float]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """
        Return the columns, in the order of ``counts``, and values of one question's unit vector.

        Parameters
        ----------
        counts : mapping of int to float
            Term frequency by column, >= 1.
        """
        columns = np.fromiter(counts, dtype=np.intp, count=len(counts))
        values = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        if not counts:
            return columns, values
        np.log(values, out=values)
        values += 1
        values *= self._idf.take(columns)
        values /= np.sqrt(values @ values)
        return columns, values

    def transform(self, counts: TermCounts, title_weight: float) -> sp.csr_array:
        """
        Return the unit vectors of counted questions as rows, shape (n, n_terms), float32.

        Parameters
        ----------
        counts : TermCounts
            Those that the weights were computed from, or others of the same terms.
        title_weight : float
            Factor on the counts in the title.
        """
        rows = counts.matrix(title_weight)
        np.log(rows.data, out=rows.data)
        rows.data += 1
        rows.data *= self._idf[rows.indices]
        lengths = np.diff(rows.indptr)
        squares = np.bincount(
            np.repeat(np.arange(len(counts)), lengths), rows.data**2, minlength=len(counts)
        )
        norms = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny)).astype(np.float32)
        rows.data /= np.repeat(norms, lengths)
        return rows

    def save(self, folder: Path) -> None:
        """Write ``terms.txt`` and ``idf.npy``."""
        (folder / "terms.txt").write_text("\n".join(self.terms), encoding="utf-8")
        write_array(folder, "idf.npy", self._idf)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; ModelUnusableError says which file is missing or wrong."""
        try:
            terms = (folder / "terms.txt").read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeError) as error:
            raise ModelUnusableError(f"{folder / 'terms.txt'} cannot be read: {error}") from error
        idf = read_array(folder, "idf.npy")
        if len(terms) != len(idf):
            raise ModelUnusableError(
                f"{folder}: terms.txt has {len(terms)} terms, idf.npy {len(idf)} weights"
            )
        return cls(terms, idf)


def _idf(question_frequency: NDArray[np.number[Any]], question_count: int) -> NDArray[np.float32]:
    """Return the smoothed inverse document frequency of each term."""
    idf: NDArray[np.float64] = np.log((question_count + 1) / (question_frequency + 1)) + 1
    return idf.astype(np.float32)
