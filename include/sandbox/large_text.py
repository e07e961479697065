"""Writes titles and bodies of a large simulated site's questions, thousands at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.sandbox.large_world import (
    BACKGROUND_WORDS,
    TAG_WORDS,
    LargeWorld,
    rare_word_count,
    word_of,
)

_WORDS: Final = 188
"""Median length of a question, in words; about 145 of them are distinct terms on average."""
_LENGTH_SPREAD: Final = 0.6
_SHORTEST: Final = 25
_TAG_WORD_SHARE: Final = (2.2, 12.0)
"""Beta distribution of the share of a question's words that are words of its tags."""
_STRAY_SHARE: Final = 0.25
"""Share of the words of tags that belong to a tag which the question does not have."""
_RARE_SHARE: Final = 0.07
_RARE_SKEW: Final = 1.6
_REPLACED_WORDS: Final = 3
"""Every third word of a tag is replaced in time."""
_REPLACEMENT_RATE: Final = 4.0
_TITLE_WORDS: Final = 8
_TAG_IN_TITLE_SHARE: Final = 0.4
_SENTENCE_WORDS: Final = 14
_CODE_SHARE: Final = 0.25
_WITH_CODE_SHARE: Final = 0.75


class LargeTextWriter:
    """
    Writes the questions of one batch.

    Parameters
    ----------
    world : LargeWorld
    year : float
        Time of the batch, in years from the start.
    rng : numpy Generator
    """

    def __init__(self, world: LargeWorld, year: float, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        self._tag_shares = world.tag_shares(year)
        weight = 1 / np.arange(1, TAG_WORDS + 1) ** 1.3
        self._word_shares = np.cumsum(weight / weight.sum())
        self._replaced = 1 / (1 + np.exp(-_REPLACEMENT_RATE * (year - world.replaced_year)))

    def write(
        self, tags: NDArray[np.int64], counts: NDArray[np.int64], first: int
    ) -> list[tuple[str, str]]:
        """
        Return the title and the HTML body of each question.

        Parameters
        ----------
        tags : ndarray of int, shape (n, 5)
        counts : ndarray of int, shape (n,)
            How many of its tags a question has.
        first : int
            Number of questions before these, which determines how many rare words there are.
        """
        rng = self._rng
        spread = rng.lognormal(np.log(_WORDS), _LENGTH_SPREAD, len(tags))
        lengths = np.maximum(_SHORTEST, spread).astype(np.int64)
        words = self._draw_words(tags, counts, lengths, first)
        text = self._texts(words)
        ends = np.cumsum(lengths)
        in_title = rng.random(len(tags)) < _TAG_IN_TITLE_SHARE
        has_code = rng.random(len(tags)) < _WITH_CODE_SHARE
        rows = zip(
            (ends - lengths).tolist(), ends.tolist(), tags[:, 0].tolist(), in_title.tolist(),
            has_code.tolist(), strict=True,
        )  # fmt: skip
        return [
            _question(text[start:end], self._world.tags[tag] if named else "", code)
            for start, end, tag, named, code in rows
        ]

    def _draw_words(
        self,
        tags: NDArray[np.int64],
        counts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        first: int,
    ) -> NDArray[np.int64]:
        """Return the ids of all questions' words, one question after the other."""
        rng, world = self._rng, self._world
        total = int(lengths.sum())
        row = np.repeat(np.arange(len(tags)), lengths)
        words = np.searchsorted(world.background, rng.random(total)).clip(0, BACKGROUND_WORDS - 1)
        share = rng.beta(*_TAG_WORD_SHARE, len(tags))
        of_tag = np.flatnonzero(rng.random(total) < share[row])
        words[of_tag] = self._tag_words(tags, counts, row[of_tag])
        rare = np.flatnonzero(rng.random(total) < _RARE_SHARE)
        in_use = rare_word_count(first + row[rare].astype(np.float64))
        words[rare] = world.first_rare_word + (in_use * rng.random(len(rare)) ** _RARE_SKEW).astype(
            np.int64
        )
        return words

    def _tag_words(
        self, tags: NDArray[np.int64], counts: NDArray[np.int64], row: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """Return a word of one of the question's tags for each entry of ``row``."""
        rng, world = self._rng, self._world
        place = (rng.random(len(row)) ** 1.3 * counts[row]).astype(np.int64)
        tag = tags[row, place]
        stray = rng.random(len(row)) < _STRAY_SHARE
        other = np.searchsorted(self._tag_shares, rng.random(len(row))).clip(0, len(world.tags) - 1)
        tag = np.where(stray, other, tag)
        which = np.searchsorted(self._word_shares, rng.random(len(row))).clip(0, TAG_WORDS - 1)
        later = (rng.random(len(row)) < self._replaced[tag]) & (
            which % _REPLACED_WORDS == _REPLACED_WORDS - 1
        )
        words: NDArray[np.int64] = np.where(
            later, world.later_words[tag, which], world.words[tag, which]
        )
        return words

    @staticmethod
    def _texts(words: NDArray[np.int64]) -> list[str]:
        """Return the words with these ids; each is written once."""
        distinct, position = np.unique(words, return_inverse=True)
        written = np.array([_written(number) for number in distinct.tolist()], dtype=object)
        texts: list[str] = written[position].tolist()
        return texts


_written = lru_cache(maxsize=400_000)(word_of)


def _question(words: list[str], tag: str, code: bool) -> tuple[str, str]:
    """Return a title and a body of a question's words; the tag's name opens the title."""
    title = " ".join([tag, *words[:_TITLE_WORDS]] if tag else words[:_TITLE_WORDS]).capitalize()
    rest = words[_TITLE_WORDS:]
    code_words = int(len(rest) * _CODE_SHARE) if code else 0
    prose, in_code = rest[code_words:], rest[:code_words]
    sentences = [
        " ".join(prose[start : start + _SENTENCE_WORDS]).capitalize()
        for start in range(0, len(prose), _SENTENCE_WORDS)
    ]
    half = len(sentences) // 2 or 1
    parts = [f"<p>{'. '.join(sentences[:half])}.</p>"]
    if in_code:
        calls = "\n".join(
            f"{' = '.join(in_code[start : start + 2])}({', '.join(in_code[start + 2 : start + 4])})"
            for start in range(0, len(in_code), 4)
        )
        parts.append(f"<pre><code>{calls}\n</code></pre>")
    if sentences[half:]:
        parts.append(f"<p>{'. '.join(sentences[half:])}.</p>")
    return title, "\n\n".join(parts) + "\n"
