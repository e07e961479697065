"""Where a question names a tag: whole or in parts, in the title, the prose or the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from itertools import chain
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
    """What of a piece of text may name a tag: whole words, and words or their parts."""

    words: tuple[str, ...]
    parts: tuple[str, ...]


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
        self._words = frozenset({*self._whole, *self._beginnings})
        self._hint_in = Remembered(self._hint)
        self._whole_in = Remembered(
            lambda name: tuple(tag for tag in identifier_and_subwords(name) if tag in self._whole)
        )

    def find(self, text: PreparedText) -> NDArray[np.float32]:
        """Return values in [0, 1], shape (n_vocabulary, 5), columns as `MENTION_FEATURES`."""
        found = np.zeros((self._size, len(MENTION_FEATURES)), dtype=np.float32)
        terms = question_terms(text)
        for named, parts, pieces in ((0, 3, terms.title), (1, 4, terms.prose)):
            hints = [hint for hint in self._hint_in.of(pieces) if hint is not None]
            for name in self._named({word for hint in hints for word in hint.words}, pieces):
                found[self._whole[name], named] = 1.0
            for part in dict.fromkeys(chain.from_iterable([hint.parts for hint in hints])):
                for column, share in self._parts[part]:
                    found[column, parts] += share
        for name in dict.fromkeys(chain.from_iterable(self._whole_in.of(terms.identifiers))):
            found[self._whole[name], 2] = 1.0
        return found

    def _hint(self, piece: str) -> _Hint | None:
        """Return what of a piece of text may name a tag, None if nothing."""
        words = tuple(word for word in words_of(piece) if word in self._words)
        parts = tuple(part for part in terms_of(piece) if part in self._parts)
        return _Hint(words, parts) if words or parts else None

    def _named(self, words: Set[str], pieces: Sequence[str]) -> set[str]:
        """
        Return the tags among the words, and among runs of up to four words joined by hyphens.

        A run is followed only as long as it is the beginning of some tag: nearly none is.
        """
        names = self._whole.keys() & words
        if self._beginnings.isdisjoint(words):
            return names
        compounds = words_in(pieces)
        beginnings = [place for place, word in enumerate(compounds) if word in self._beginnings]
        for place in beginnings:
            run = compounds[place]
            for word in compounds[place + 1 : place + _LONGEST]:
                run = f"{run}-{word}"
                if run in self._whole:
                    names.add(run)
                if run not in self._beginnings:
                    break
        return names
