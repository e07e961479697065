"""Where a question names a tag: whole or in parts, in the title, the prose or the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.candidates.terms import (
    Remembered,
    identifier_and_subwords,
    question_terms,
    terms_of,
    words_in,
    words_of,
)
from include.text.prepared import PreparedText

MENTION_FEATURES: Final = (
    "named in the title",
    "named in the text",
    "named in the code",
    "parts in the title",
    "parts in the text",
)
_LONGEST: Final = 4
"""Words in the longest run that is looked up: ``amazon web services`` has three."""


class _Hint(NamedTuple):
    """What of a piece of text names tags, is a part of their names, and may begin one."""

    names: tuple[str, ...]
    parts: tuple[str, ...]
    begins: bool


class MentionFinder:
    """
    Finds the tags of a vocabulary in a question's own words.

    A tag is named when its name stands in the text, hyphens or blanks between its words
    (``docker-compose``, ``docker compose``). Its parts count by the share that occurs anywhere.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._size = len(vocabulary)
        self._whole = {tag: column for column, tag in enumerate(vocabulary)}
        self._parts: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for column, tag in enumerate(vocabulary):
            parts = tag.split("-")
            for part in set(parts):
                self._parts[part].append((column, parts.count(part) / len(parts)))
        self._beginnings = {
            tag[:place] for tag in vocabulary for place, sign in enumerate(tag) if sign == "-"
        }
        # Nearly no piece of a question is in here: one look at each sorts out the others.
        self._hint_in = Remembered(self._hint)
        self._whole_in = Remembered(
            lambda name: tuple(tag for tag in identifier_and_subwords(name) if tag in self._whole)
        )

    def find(self, text: PreparedText) -> NDArray[np.float32]:
        """Return values in [0, 1], shape (n_vocabulary, 5), columns as `MENTION_FEATURES`."""
        found = np.zeros((self._size, len(MENTION_FEATURES)), dtype=np.float32)
        terms = question_terms(text)
        for named, parts, pieces in ((0, 3, terms.title), (1, 4, terms.prose)):
            hints = [(at, hint) for at, hint in enumerate(self._hint_in.of(pieces)) if hint]
            for name in self._named(hints, pieces):
                found[self._whole[name], named] = 1.0
            for part in dict.fromkeys(chain.from_iterable([hint.parts for _, hint in hints])):
                for column, share in self._parts[part]:
                    found[column, parts] += share
        for name in dict.fromkeys(chain.from_iterable(self._whole_in.of(terms.identifiers))):
            found[self._whole[name], 2] = 1.0
        return found

    def _hint(self, piece: str) -> _Hint | None:
        """Return what of a piece of text may name a tag, None if nothing."""
        words = words_of(piece)
        names = tuple(word for word in words if word in self._whole)
        parts = tuple(part for part in terms_of(piece) if part in self._parts)
        begins = not self._beginnings.isdisjoint(words)
        return _Hint(names, parts, begins) if names or parts or begins else None

    def _named(self, hints: Sequence[tuple[int, _Hint]], pieces: Sequence[str]) -> set[str]:
        """
        Return the tags among the words, and among runs of up to four words joined by hyphens.

        A run is followed only as long as it is the beginning of some tag: nearly none is.
        """
        names: set[str] = set()
        for at, hint in hints:
            names.update(hint.names)
            if hint.begins:
                names.update(self._runs(pieces, at))
        return names

    def _runs(self, pieces: Sequence[str], at: int) -> Iterator[str]:
        """Yield the tags of several words that begin in the piece at a place."""
        first = len(words_of(pieces[at]))
        words = list(islice(words_in(islice(pieces, at, None)), first + _LONGEST - 1))
        for start in range(first):
            run = words[start]
            for word in words[start + 1 : start + _LONGEST]:
                if run not in self._beginnings:
                    break
                run = f"{run}-{word}"
                if run in self._whole:
                    yield run
