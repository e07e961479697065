"""Mentions of tags in a question: whole names or parts of them, in the title, prose or code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from itertools import chain, compress, count, islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.candidates.terms import (
    BoundedCache,
    PreTokens,
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
_MAX_TAG_WORDS: Final = 4
"""Words of the longest tag that is looked up: ``amazon web services`` has three."""


class _TagMatch(NamedTuple):
    """
    The tags that a pre-token names, and the parts of tag names in it.

    ``starts_tag`` says whether one of its words starts a tag of several words.
    """

    token: str
    names: tuple[str, ...]
    parts: tuple[str, ...]
    starts_tag: bool


class Mentions(NamedTuple):
    """
    The tags that a question mentions, most of the vocabulary being absent.

    Parameters
    ----------
    columns : ndarray of int, shape (m,)
        Of the tags in the vocabulary, ascending.
    values : ndarray of float32, shape (m, 5)
        In [0, 1], columns as `MENTION_FEATURES`.
    """

    columns: NDArray[np.intp]
    values: NDArray[np.float32]


class MentionFinder:
    """
    Finds the tags of a vocabulary in a question's text.

    A tag is named when its name occurs in the text, its words separated by hyphens or spaces
    (``docker-compose``, ``docker compose``). Its parts count as the fraction of them that occurs.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._size = len(vocabulary)
        self._columns = {tag: column for column, tag in enumerate(vocabulary)}
        self._parts: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for column, tag in enumerate(vocabulary):
            parts = tag.split("-")
            for part in set(parts):
                self._parts[part].append((column, parts.count(part) / len(parts)))
        self._prefixes = {
            tag[:end] for tag in vocabulary for end, character in enumerate(tag) if character == "-"
        }
        known = {*self._columns, *self._prefixes, *self._parts}
        matches = map(self._match, filter(str.isalnum, known))
        self._word_matches = {match.token: match for match in matches if match is not None}
        self._symbol_matches = BoundedCache(self._match)
        self._identifier_tags = BoundedCache(
            lambda name: tuple(tag for tag in identifier_and_subwords(name) if tag in self._columns)
        )

    def find(self, text: PreparedText) -> Mentions:
        """Return the mentioned tags; the time does not depend on the size of the vocabulary."""
        found = self._find(text)
        columns = sorted(found)
        values = np.array([found[column] for column in columns], dtype=np.float32)
        return Mentions(np.array(columns, dtype=np.intp), values.reshape(-1, len(MENTION_FEATURES)))

    def find_dense(self, text: PreparedText) -> NDArray[np.float32]:
        """Return what `find` does for every tag, shape (n_vocabulary, 5)."""
        found = self._find(text)
        dense = np.zeros((self._size, len(MENTION_FEATURES)), dtype=np.float32)
        if found:
            dense[list(found)] = list(found.values())
        return dense

    def _find(self, text: PreparedText) -> dict[int, list[float]]:
        """Return the features of the mentioned tags by column, in no order."""
        found: dict[int, list[float]] = defaultdict(lambda: [0.0] * len(MENTION_FEATURES))
        terms = question_terms(text)
        for named, in_parts, tokens in ((0, 3, terms.title), (1, 4, terms.prose)):
            names, parts = self._match_all(tokens)
            for name in names:
                found[self._columns[name]][named] = 1.0
            for part in parts:
                for column, share in self._parts[part]:
                    found[column][in_parts] += share
        in_code = chain.from_iterable(self._identifier_tags.map(terms.identifiers))
        for name in dict.fromkeys(in_code):
            found[self._columns[name]][2] = 1.0
        return found

    def _match_all(self, tokens: PreTokens) -> tuple[set[str], dict[str, None]]:
        """Return the tags that are named, and the parts of tag names in order of occurrence."""
        # Almost no token matches: one dict look-up each, in compiled code, discards the others.
        known = filter(self._word_matches.__contains__, tokens.alphanumeric)
        matches = list(map(self._word_matches.__getitem__, known))
        matches += filter(None, self._symbol_matches.map(tokens.with_symbols))
        names = {name for match in matches for name in match.names}
        if starting := {match.token for match in matches if match.starts_tag}:
            names.update(self._multiword_tags(tokens.all, starting))
        return names, dict.fromkeys(chain.from_iterable([match.parts for match in matches]))

    def _multiword_tags(self, tokens: Sequence[str], starting: Set[str]) -> Iterator[str]:
        """
        Yield the tags whose words, at least two of them, follow each other in ``tokens``.

        ``starting`` are the tokens with a word that starts such a tag.
        """
        for position in compress(count(), map(starting.__contains__, tokens)):
            starts = len(words_of(tokens[position]))
            # By index: `islice` would pass over all tokens before, for each of them again
            following = words_in(map(tokens.__getitem__, range(position, len(tokens))))
            words = list(islice(following, starts + _MAX_TAG_WORDS - 1))
            for start, phrase in enumerate(words[:starts]):
                if phrase in self._prefixes:
                    for word in words[start + 1 : start + _MAX_TAG_WORDS]:
                        phrase = f"{phrase}-{word}"
                        if phrase in self._columns:
                            yield phrase
                        if phrase not in self._prefixes:
                            break

    def _match(self, token: str) -> _TagMatch | None:
        """Return the tags and parts of tags in a pre-token, None if there are none."""
        words = words_of(token)
        names = tuple(word for word in words if word in self._columns)
        parts = tuple(part for part in terms_of(token) if part in self._parts)
        starts_tag = not self._prefixes.isdisjoint(words)
        return _TagMatch(token, names, parts, starts_tag) if names or parts or starts_tag else None
