"""Texts of stored months that are read when they are needed, with their stored term counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self, overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from include.candidates.term_counts import TermCounts, stack_counts
from include.errors import RetryLaterError
from include.store.arrays import texts_of
from include.store.features import read_texts
from include.store.month_shards import MonthSnapshot, read_counts
from include.text.prepare import TEXT_VERSION
from include.text.prepared import PreparedText, SelectableTexts

MAX_CACHED: Final = 20_000
"""Questions whose texts and counts are kept in memory once they were read: some 100 MB."""
_TEXTS_PER_READ: Final = 1_000


@dataclass(frozen=True, slots=True)
class ShardPart:
    """
    A part of a stored month.

    Parameters
    ----------
    month : MonthSnapshot
    part : int
    first : int
        Position of its first question among all that were read.
    question_count : int
    retired_count : int, default=0
        Questions left out because all their tags are retired.
    renamed : tuple of (str, str or None)
        Tags in it that are read by another name, or not at all, and that name; by tag.
    """

    month: MonthSnapshot
    part: int
    first: int
    question_count: int
    retired_count: int = 0
    renamed: tuple[tuple[str, str | None], ...] = ()


@dataclass(slots=True)
class TextSource:
    """
    All questions of the months that were loaded together.

    Parameters
    ----------
    engine : Engine
    site : str
    ids : ndarray of int64, shape (n,)
    parts : sequence of ShardPart
        In the order of ``ids``.
    """

    engine: Engine
    site: str
    ids: NDArray[np.int64]
    parts: Sequence[ShardPart]
    _texts: dict[int, PreparedText] = field(default_factory=dict)
    _counts: dict[ShardPart, TermCounts] = field(default_factory=dict)

    def texts(self, positions: NDArray[np.intp]) -> list[PreparedText]:
        """
        Return the texts at ``positions``, in that order.

        Raises
        ------
        RetryLaterError
            If a question was deleted since the months were loaded.
        """
        wanted = self.ids[positions].tolist()
        missing = [number for number in wanted if number not in self._texts]
        found = self._texts
        if missing:
            with self.engine.connect() as connection:
                read = read_texts(connection, self.site, missing, TEXT_VERSION)
            if len(self.ids) <= MAX_CACHED:
                self._texts |= read
            else:
                found = read
        try:
            return [found[number] for number in wanted]
        except KeyError as error:
            raise RetryLaterError(
                f"question {error} of {self.site} was deleted while its month was read: run again"
            ) from error

    def counts(self, part: ShardPart) -> TermCounts:
        """
        Return the term counts of a part.

        Raises
        ------
        RetryLaterError
            If its month was built again, and this content deleted, since the months were loaded.
        """
        if part in self._counts:
            return self._counts[part]
        with self.engine.connect() as connection:
            arrays = read_counts(connection, part.month, part.part)
        if arrays is None:
            raise RetryLaterError(
                f"the questions of {part.month.key.month} changed while they were read: run again"
            )
        counts = TermCounts(
            terms=texts_of(arrays["terms"]),
            starts=arrays["starts"],
            columns=arrays["columns"],
            body=arrays["body"],
            title=arrays["title"],
        )
        if len(self.ids) <= MAX_CACHED:
            self._counts[part] = counts
        return counts


class StoredTexts(SelectableTexts):
    """
    Some of the texts of a `TextSource`, with their stored term counts.

    Iterating reads a thousand texts at a time; a slice or a selection reads nothing.

    Parameters
    ----------
    source : TextSource
    positions : ndarray of int, shape (n,)
        Of the texts in the source.
    """

    def __init__(self, source: TextSource, positions: NDArray[np.intp]) -> None:
        self._source = source
        self._positions = positions

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._positions)

    @overload
    def __getitem__(self, index: int) -> PreparedText: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> PreparedText | Self:
        """Return one text, or a part of the sequence."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._source.texts(self._positions[[index]])[0]

    def __iter__(self) -> Iterator[PreparedText]:
        """Yield the texts in order."""
        for first in range(0, len(self), _TEXTS_PER_READ):
            yield from self._source.texts(self._positions[first : first + _TEXTS_PER_READ])

    def __add__(self, other: Self) -> Self:
        """Return these texts and others of the same source after them."""
        if other._source is not self._source:
            raise ValueError("texts that were loaded separately cannot be joined")
        return type(self)(self._source, np.concatenate([self._positions, other._positions]))

    def take(self, positions: NDArray[np.intp]) -> Self:
        """Return the texts at ``positions``, in that order."""
        return type(self)(self._source, self._positions[positions])

    @property
    def question_ids(self) -> NDArray[np.int64]:
        """Return the questions' ids, shape (n,)."""
        return self._source.ids[self._positions]

    def month_hashes(self) -> Mapping[str, str | None]:
        """
        Return each month's content hash; None where not all of its questions are selected.

        It depends on the names by which the month's tags are read, and is the stored one where all
        tags keep theirs.
        """
        sizes: dict[str, int] = {}
        hashes: dict[str, str] = {}
        renamed: dict[str, dict[str, str | None]] = {}
        inside: dict[str, int] = {}
        for part in self._source.parts:
            month = part.month.key.month
            hashes[month] = part.month.content_hash
            renamed.setdefault(month, {}).update(part.renamed)
            sizes[month] = sizes.get(month, 0) + part.question_count - part.retired_count
            inside[month] = inside.get(month, 0) + len(self._rows(part))
        return {
            month: _with_names(hashes[month], renamed[month]) if count == sizes[month] else None
            for month, count in inside.items()
            if count
        }

    def term_counts(self, min_questions: int) -> TermCounts:
        """Return the stored counts of the terms that occur in enough of these texts."""
        order = np.argsort(self._positions, kind="stable")
        ascending = self.take(order)
        counts = stack_counts(ascending._parts, min_questions)
        if (np.diff(order) > 0).all():
            return counts
        return counts.rows(np.argsort(order))

    def distinct_terms(self) -> set[str]:
        """Return every term of these texts."""
        found: set[str] = set()
        for counts in self._parts():
            found.update(
                counts.terms[column]
                for column in np.flatnonzero(counts.question_frequency()).tolist()
            )
        return found

    def _parts(self) -> Iterator[TermCounts]:
        for part in self._source.parts:
            rows = self._rows(part)
            if len(rows):
                counts = self._source.counts(part)
                yield counts if len(rows) == part.question_count else counts.rows(rows)

    def _rows(self, part: ShardPart) -> NDArray[np.intp]:
        """Return the rows of a part that are selected, in the order of the selection."""
        rows = self._positions - part.first
        return rows[(rows >= 0) & (rows < part.question_count)]


def _with_names(content_hash: str, renamed: Mapping[str, str | None]) -> str:
    """Return the hash of a month whose tags are read by other names."""
    if not renamed:
        return content_hash
    pairs = [f"{tag}\0{name or ''}" for tag, name in sorted(renamed.items())]
    return hashlib.sha256("\1".join([content_hash, *pairs]).encode()).hexdigest()
