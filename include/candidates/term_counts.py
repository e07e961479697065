"""
Term counts of many questions in one sparse matrix, for families that learn from long windows.

A family calls `count_terms` on the texts that it was given. Texts that are stored by month bring
their counts along (`CountedTexts`), so that a month is split into words once and no texts have to
be held in memory; other texts are counted here.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol, Self, runtime_checkable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.index_type import narrow_starts
from include.candidates.terms import (
    BoundedCache,
    PreTokens,
    identifier_and_subwords,
    question_terms,
    terms_of,
)
from include.errors import FixInputError
from include.text.prepared import PreparedText
from include.text.tokens import MAX_LENGTH

_MAX_BODY_COUNT: Final = np.iinfo(np.uint16).max
_MAX_TITLE_COUNT: Final = np.iinfo(np.uint8).max


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """
    How often each term occurs in the body and in the title of each question, in CSR layout.

    Parameters
    ----------
    terms : sequence of str, length d
        Sorted; the columns.
    starts : ndarray of int64, shape (n + 1,)
        Question ``i`` has the entries ``starts[i]`` to ``starts[i + 1]`` of the other arrays.
    columns : ndarray of int32, shape (m,)
        Ascending within a question.
    body : ndarray of uint16, shape (m,)
        Counts in prose and code; larger ones are stored as the type's maximum.
    title : ndarray of uint8, shape (m,)
        Counts in the title.
    """

    terms: Sequence[str]
    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    body: NDArray[np.uint16]
    title: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.starts) - 1

    def matrix(self, title_weight: float) -> sp.csr_array:
        """
        Return the weighted counts, float32, shape (n, d).

        Parameters
        ----------
        title_weight : float
            Factor on the counts in the title, as in `include.candidates.terms.term_counts`.
        """
        weighted = self.title * np.float32(title_weight)
        weighted += self.body
        return sp.csr_array(
            (weighted, self.columns, narrow_starts(self.starts)), shape=(len(self), len(self.terms))
        )

    def question_frequency(self) -> NDArray[np.int64]:
        """Return in how many questions each term occurs, shape (d,)."""
        return np.bincount(self.columns, minlength=len(self.terms))

    def rows(self, positions: NDArray[np.intp]) -> Self:
        """Return the counts of the questions at ``positions``, in that order, same terms."""
        lengths = np.diff(self.starts)[positions]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        entries = np.repeat(self.starts[positions] - starts[:-1], lengths) + np.arange(starts[-1])
        return type(self)(
            self.terms, starts, self.columns[entries], self.body[entries], self.title[entries]
        )

    def most_frequent(self, max_terms: int) -> Self:
        """Return the counts of the most frequent terms; of equally frequent ones all or none."""
        frequency = self.question_frequency()
        limit = np.partition(frequency, len(frequency) - max_terms - 1)[-max_terms - 1]
        selected = frequency > limit
        if not selected.any():
            selected = frequency == frequency.max()
        kept = selected[self.columns]
        column = np.cumsum(selected, dtype=np.int32) - 1
        return type(self)(
            terms=[self.terms[number] for number in np.flatnonzero(selected).tolist()],
            starts=np.concatenate([[0], np.cumsum(kept)])[self.starts],
            columns=column[self.columns[kept]],
            body=self.body[kept],
            title=self.title[kept],
        )


@runtime_checkable
class CountedTexts(Protocol):
    """A sequence of texts whose term counts are stored."""

    def term_counts(self, min_questions: int) -> TermCounts:
        """Return the counts of terms that occur in at least ``min_questions`` of the texts."""


def count_terms(texts: Sequence[PreparedText], min_questions: int = 1) -> TermCounts:
    """
    Return the term counts of ``texts``: the stored ones where they have them.

    Parameters
    ----------
    texts : sequence of PreparedText, length n
    min_questions : int, default=1
        Minimum number of questions with a term.

    Raises
    ------
    FixInputError
        If no term occurs in so many questions.
    """
    if isinstance(texts, CountedTexts):
        return texts.term_counts(min_questions)
    return stack_counts(lambda: iter([count_texts(texts)]), min_questions)


def count_texts(texts: Iterable[PreparedText]) -> TermCounts:
    """Return the term counts of ``texts``, with every term."""
    column_of: dict[str, int] = {}
    starts, columns, body, title = array("q", [0]), array("i"), array("H"), array("B")
    for text in texts:
        in_body, in_title = _counts_by_field(text)
        for term in in_body | in_title:
            columns.append(column_of.setdefault(term, len(column_of)))
            body.append(min(in_body[term], _MAX_BODY_COUNT))
            title.append(min(in_title[term], _MAX_TITLE_COUNT))
        starts.append(len(columns))
    terms = sorted(column_of)
    rank = np.empty(len(terms), dtype=np.int32)
    rank[[column_of[term] for term in terms]] = np.arange(len(terms), dtype=np.int32)
    counts = TermCounts(
        terms=terms,
        starts=np.array(starts, dtype=np.int64),
        columns=rank[np.array(columns, dtype=np.int32)],
        body=np.array(body, dtype=np.uint16),
        title=np.array(title, dtype=np.uint8),
    )
    return _sorted_rows(counts)


def stack_counts(parts: Callable[[], Iterator[TermCounts]], min_questions: int) -> TermCounts:
    """
    Return the counts of all parts below each other, over the terms that are frequent enough.

    Parameters
    ----------
    parts : callable
        Returns an iterator over the parts, which may have different terms. It is called twice and
        one part is held at a time, so that the result alone determines the memory.
    min_questions : int
        Minimum number of questions with a term, over all parts.

    Raises
    ------
    FixInputError
        If no term occurs in so many questions.
    """
    frequency: Counter[str] = Counter()
    question_count = 0
    for part in parts():
        frequency.update(dict(zip(part.terms, part.question_frequency().tolist(), strict=True)))
        question_count += len(part)
    terms = sorted(term for term, count in frequency.items() if count >= max(min_questions, 1))
    if not terms:
        raise FixInputError(
            f"no word occurs in {min_questions} of the {question_count} training questions: "
            "train on more months"
        )
    size = sum(frequency[term] for term in terms)
    del frequency
    column_of = {term: column for column, term in enumerate(terms)}
    stacked = TermCounts(
        terms=terms,
        starts=np.zeros(question_count + 1, dtype=np.int64),
        columns=np.empty(size, dtype=np.int32),
        body=np.empty(size, dtype=np.uint16),
        title=np.empty(size, dtype=np.uint8),
    )
    question, entry = 0, 0
    for part in parts():
        rank = np.array([column_of.get(term, -1) for term in part.terms], dtype=np.int32)
        columns = rank[part.columns] if len(rank) else part.columns
        kept = columns >= 0
        end = entry + int(kept.sum())
        stacked.columns[entry:end] = columns[kept]
        stacked.body[entry:end] = part.body[kept]
        stacked.title[entry:end] = part.title[kept]
        kept_before = np.concatenate([[0], np.cumsum(kept)])[part.starts[1:]]
        stacked.starts[question + 1 : question + 1 + len(part)] = entry + kept_before
        question, entry = question + len(part), end
    return stacked


def _counts_by_field(text: PreparedText) -> tuple[Counter[str], Counter[str]]:
    """Return the counts of a question's terms in its body and in its title."""
    terms = question_terms(text)
    identifiers = chain.from_iterable(_IDENTIFIERS.map(terms.identifiers))
    return Counter(chain(_words(terms.prose), identifiers)), Counter(_words(terms.title))


def _words(tokens: PreTokens) -> Iterator[str]:
    """Return the terms of pre-tokens, in no order."""
    # One of letters and digits alone is one word without parts: looking it up in a cache, which the
    # rare words of a million questions would fill again and again, takes longer than to pass it on
    alphanumeric = (word for word in tokens.alphanumeric if len(word) <= MAX_LENGTH)
    return chain(alphanumeric, chain.from_iterable(_SYMBOLS.map(tokens.with_symbols)))


def _sorted_rows(counts: TermCounts) -> TermCounts:
    """Return the same counts with ascending columns in each question."""
    question = np.repeat(np.arange(len(counts)), np.diff(counts.starts))
    order = np.lexsort((counts.columns, question))
    return TermCounts(
        counts.terms,
        counts.starts,
        counts.columns[order],
        counts.body[order],
        counts.title[order],
    )


_CACHE_SIZE: Final = 200_000
_SYMBOLS: Final = BoundedCache(terms_of, _CACHE_SIZE)
_IDENTIFIERS: Final = BoundedCache(identifier_and_subwords, _CACHE_SIZE)
