"""
The tags and words of a simulated site as large as Stack Overflow: arrays, and how they drift.

Tags follow Zipf's law. A question has words of its tags among background words, which follow Zipf's
law too, and names and numbers that few others have: the vocabulary grows with the number of
questions as Heaps' law says, with the exponent that Stack Overflow's posts have (.62).

References
----------
.. [1] G. K. Zipf, "Human Behavior and the Principle of Least Effort", Addison-Wesley, 1949.
.. [2] H. S. Heaps, "Information Retrieval: Computational and Theoretical Aspects", section 7.5,
   Academic Press, 1978.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

BACKGROUND_WORDS: Final = 4_000
_RARE_EXPONENT: Final = 0.72
"""Applies to rare words alone: all others are soon in use; of all words together it is .61."""
_RARE_FACTOR: Final = 80.0
_RARE_OFFSET: Final = 20.0
_ZIPF_OFFSET: Final = 15.0
"""Added to a tag's rank: the first tags of a real site are closer to each other than 1/rank."""
OLD_TAGS: Final = 200
"""The most used tags exist from the start; of the others a share appears later."""
_BORN_LATER_SHARE: Final = 0.15
_SPAN_YEARS: Final = 2.0
"""New tags appear, and words are replaced, over this time."""
_TREND: Final = 0.35
"""Standard deviation of the yearly growth of the logarithm of a tag's use."""
TAG_WORDS: Final = 30
_NAME: Final = 1
"""
Place of a tag's name among its words. A question then has the name of each of its tags 1.1 times on
average, as those of four real sites have (devops 2.0, crypto 1.1, reactive .8, biology .5).
"""
_TOPICS: Final = 400
_TOPIC_WORDS: Final = 40
_TOPIC_SHARE: Final = 0.45
"""Share of a tag's words that other tags of its topic use as well."""
_COMPANIONS: Final = 12
_POPULAR_COMPANION_SHARE: Final = 0.75
"""Share of a tag's companions that are drawn by their use, and not evenly."""
_COMPOUND_SHARE: Final = 0.3
_WORLD_STREAM: Final = 11
_CONSONANTS: Final = "bdfgklmnprstvzhj"
_VOWELS: Final = "aeiou"
_SYLLABLES: Final = tuple(c + v for c in _CONSONANTS for v in _VOWELS)
_SCRAMBLE: Final = 2_654_435_761
"""Knuth's multiplier: neighbouring ids get words that do not look alike."""
_WORD_SPACE: Final = len(_SYLLABLES) ** 4


@dataclass(frozen=True, slots=True, eq=False)
class LargeWorld:
    """
    A large site's tags and words. A word is an id; `word_of` writes it.

    Parameters
    ----------
    tags : tuple of str, length n
    popularity : ndarray of float, shape (n,)
        At the start; relative.
    trend : ndarray of float, shape (n,)
        Yearly growth of the logarithm of the use.
    born_year, replaced_year : ndarray of float, shape (n,)
        When a tag appears, and when half of the words that it loses are replaced.
    companions : ndarray of int, shape (n, 12)
        Tags that are used with each tag, the most frequent first.
    words, later_words : ndarray of int, shape (n, 30)
        A tag's words, the most frequent first, and those that replace them.
    background : ndarray of float, shape (4000,)
        Cumulative shares of the background words, whose ids are 0 .. 3999.
    first_rare_word : int
        Ids from here on are names and numbers that few questions have.
    """

    tags: tuple[str, ...]
    popularity: NDArray[np.float64]
    trend: NDArray[np.float64]
    born_year: NDArray[np.float64]
    replaced_year: NDArray[np.float64]
    companions: NDArray[np.int64]
    words: NDArray[np.int64]
    later_words: NDArray[np.int64]
    background: NDArray[np.float64]
    first_rare_word: int

    def tag_shares(self, year: float) -> NDArray[np.float64]:
        """Return the cumulative shares of the tags at a time, in years from the start."""
        use = self.popularity * np.exp(self.trend * year) * self.exists(year)
        return np.cumsum(use / use.sum())

    def exists(self, year: float) -> NDArray[np.bool_]:
        """Return which tags exist at a time, in years from the start."""
        return self.born_year <= year


@lru_cache(maxsize=2)
def make_large_world(seed: int, tag_count: int) -> LargeWorld:
    """Return the world of a seed with ``tag_count`` tags."""
    rng = np.random.default_rng((seed, _WORLD_STREAM, tag_count))
    shape = (tag_count, TAG_WORDS)
    topic = rng.integers(0, _TOPICS, tag_count)
    first_own = BACKGROUND_WORDS + _TOPICS * _TOPIC_WORDS
    own = first_own + np.arange(tag_count * TAG_WORDS).reshape(shape)
    of_topic = (
        BACKGROUND_WORDS + topic[:, None] * _TOPIC_WORDS + rng.integers(0, _TOPIC_WORDS, shape)
    )
    words = np.where(rng.random(shape) < _TOPIC_SHARE, of_topic, own)
    words[:, _NAME] = own[:, _NAME]
    born = rng.random(tag_count) * _SPAN_YEARS / _BORN_LATER_SHARE
    born = np.where(born < _SPAN_YEARS, born, 0.0)
    born[:OLD_TAGS] = 0.0
    popularity = 1 / (np.arange(tag_count) + _ZIPF_OFFSET)
    shares = np.cumsum(popularity / popularity.sum())
    companions = np.where(
        rng.random((tag_count, _COMPANIONS)) < _POPULAR_COMPANION_SHARE,
        np.searchsorted(shares, rng.random((tag_count, _COMPANIONS))).clip(0, tag_count - 1),
        rng.integers(0, tag_count, (tag_count, _COMPANIONS)),
    )
    rank = np.arange(1, BACKGROUND_WORDS + 1)
    background = rank**-1.0
    compound = rng.random(tag_count) < _COMPOUND_SHARE
    tags = tuple(
        f"{word_of(first)}-{word_of(second)}" if two else word_of(first)
        for first, second, two in zip(
            words[:, _NAME].tolist(), words[:, 0].tolist(), compound.tolist(), strict=True
        )
    )
    return LargeWorld(
        tags=tags,
        popularity=popularity,
        trend=rng.normal(0, _TREND, tag_count),
        born_year=born,
        replaced_year=rng.random(tag_count) * _SPAN_YEARS,
        companions=companions,
        words=words,
        later_words=own + tag_count * TAG_WORDS,
        background=np.cumsum(background / background.sum()),
        first_rare_word=first_own + 2 * tag_count * TAG_WORDS,
    )


def rare_word_count(questions_before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many rare words are in use after a number of questions (Heaps' law)."""
    return _RARE_FACTOR * (questions_before + _RARE_OFFSET) ** _RARE_EXPONENT


def word_of(word_id: int) -> str:
    """
    Return the word with an id, below 40,960,000: pronounceable, and different for each id.

    Examples
    --------
    >>> word_of(0), word_of(1)
    ('babababa', 'berinavu')
    """
    rest, word = word_id * _SCRAMBLE % _WORD_SPACE, ""
    for _ in range(4):
        rest, syllable = divmod(rest, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
    return word
