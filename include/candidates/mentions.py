"""Where a question names a tag: whole or in parts, in the title, the prose or the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.candidates.terms import (
    Pieces,
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
    """
    What a piece of text says of tags: those it names, and parts of names.

    ``begins`` is the number of its words if one of them begins a name of several words, else 0.
    """

    piece: str
    names: tuple[str, ...]
    parts: tuple[str, ...]
    begins: int


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
        known = {*self._whole, *self._beginnings, *self._parts}
        plain = map(self._hint, filter(str.isalnum, known))
        self._plain = {hint.piece: hint for hint in plain if hint is not None}
        self._signed = Remembered(self._hint)
        self._whole_in = Remembered(
            lambda name: tuple(tag for tag in identifier_and_subwords(name) if tag in self._whole)
        )

    def find(self, text: PreparedText) -> NDArray[np.float32]:
        """Return values in [0, 1], shape (n_vocabulary, 5), columns as `MENTION_FEATURES`."""
        found = np.zeros((self._size, len(MENTION_FEATURES)), dtype=np.float32)
        terms = question_terms(text)
        for named, in_parts, pieces in ((0, 3, terms.title), (1, 4, terms.prose)):
            names, parts = self._look(pieces)
            for name in names:
                found[self._whole[name], named] = 1.0
            for part in parts:
                for column, share in self._parts[part]:
                    found[column, in_parts] += share
        for name in dict.fromkeys(chain.from_iterable(self._whole_in.of(terms.identifiers))):
            found[self._whole[name], 2] = 1.0
        return found

    def _look(self, pieces: Pieces) -> tuple[set[str], dict[str, None]]:
        """Return the tags that are named, and the parts of tags' names, in the order of a text."""
        # Nearly no piece is a hint: one look at each sorts out the others.
        hints = [self._plain[piece] for piece in pieces.plain if piece in self._plain]
        hints += filter(None, self._signed.of(pieces.signed))
        names = {name for hint in hints for name in hint.names}
        if begins := {hint.piece: hint.begins for hint in hints if hint.begins}:
            for at, piece in enumerate(pieces.all):
                if piece in begins:
                    names.update(self._runs(pieces.all[at:], begins[piece]))
        return names, dict.fromkeys(chain.from_iterable([hint.parts for hint in hints]))

    def _runs(self, pieces: Sequence[str], begins: int) -> Iterator[str]:
        """Yield the tags of several words that begin in one of the first ``begins`` words."""
        words = list(islice(words_in(pieces), begins + _LONGEST - 1))
        for start in range(begins):
            run = words[start]
            for word in words[start + 1 : start + _LONGEST]:
                if run not in self._beginnings:
                    break
                run = f"{run}-{word}"
                if run in self._whole:
                    yield run

    def _hint(self, piece: str) -> _Hint | None:
        """Return what a piece of text says of tags, None if nothing."""
        words = words_of(piece)
        names = tuple(word for word in words if word in self._whole)
        parts = tuple(part for part in terms_of(piece) if part in self._parts)
        begins = 0 if self._beginnings.isdisjoint(words) else len(words)
        return _Hint(piece, names, parts, begins) if names or parts or begins else None
