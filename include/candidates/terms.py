"""
Terms of a question: its words and their parts, and the identifiers of its code and their parts.

Words are matched by the patterns of `include.text.tokens`. This module runs for every question that
the service ranks, so it does not use NLTK, which takes ten times as long to match them, and a
second and 200 MB to import. Text is first split into pre-tokens, at characters that no word can
contain. The same pre-tokens occur in question after question, so the words of each are cached and
the pattern is rarely matched. A question is split once, however many parts of a candidate read it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, filterfalse
from typing import Final, Generic, NamedTuple, Self, TypeVar

import regex

from include.text.characters import separate_scripts
from include.text.prepared import PreparedText
from include.text.tokens import (
    CODE_PATTERN,
    MAX_LENGTH,
    PROSE_PATTERN,
    identifier_parts,
    word_parts,
)

MAX_CODE_CHARACTERS: Final = 6000
"""Code after this adds little about the topic (logs, dumps) and costs time."""

_WORD: Final = re.compile(PROSE_PATTERN)
# Python's own engine takes the combining marks of Hindi or Tamil for the ends of words.
_UNICODE_WORD: Final = regex.compile(PROSE_PATTERN)
_UNICODE_PRE_TOKEN: Final = re.compile(
    r"[\w+#.\-\u0300-\u1fff\u2070-\u2fff\u3040-\U0010ffff]+"  # without general punctuation
)
_PRE_TOKEN: Final = re.compile(r"[\w+#.\-]+")
_ASCII_PRE_TOKENS: Final = bytes(
    ord(char.lower()) if char.isascii() and _PRE_TOKEN.match(char) else ord(" ")
    for char in map(chr, range(256))
)
"""Maps characters that words can contain to lower case, all others to a space."""
_IDENTIFIER: Final = re.compile(CODE_PATTERN)
_ASCII_IDENTIFIER: Final = re.compile(CODE_PATTERN, re.ASCII)
_CACHE_SIZE: Final = 16_384
"""Entries of a `BoundedCache` in a process that serves."""
_MAX_CACHED_KEY: Final = 100
"""Characters of a cached key: longer pre-tokens are rarely seen twice, and some fill a body."""
_MAX_CACHED_TEXT: Final = 8_000
"""Characters of a question whose terms are cached: they take about twenty times its memory."""

T = TypeVar("T")


class BoundedCache(dict[str, T], Generic[T]):
    """
    A cache of a function of one string, with a limit on its size; a hit is one dict look-up.

    Parameters
    ----------
    function : callable
    size : int
        Largest number of entries, >= 1; when it is full, it is emptied.
    """

    def __init__(self, function: Callable[[str], T], size: int = _CACHE_SIZE) -> None:
        super().__init__()
        self._function = function
        self._size = size

    def __missing__(self, key: str) -> T:
        """Compute the value and store it, unless the key is too long."""
        value = self._function(key)
        if len(key) <= _MAX_CACHED_KEY:
            if len(self) >= self._size:
                self.clear()
            self[key] = value
        return value

    def map(self, keys: Iterable[str]) -> Iterable[T]:
        """Return the value of each of ``keys``, in order."""
        return map(self.__getitem__, keys)


def pre_tokenize(text: str) -> list[str]:
    """
    Split ``text`` into lower-case pre-tokens: no word extends over the edge of one.

    Examples
    --------
    >>> pre_tokenize("C++ or (Node.js) on docker-compose? No...")
    ['c++', 'or', 'node.js', 'on', 'docker-compose', 'no...']
    """
    if not text.isascii():
        return _UNICODE_PRE_TOKEN.findall(separate_scripts(text.lower()))
    # A third of the pattern's time. No word ends in a dot, so dropping those of sentences leaves
    # more pre-tokens without symbols.
    translated = text.replace(". ", " ").encode("ascii").translate(_ASCII_PRE_TOKENS)
    return translated.decode("ascii").split()


def words_of(token: str) -> tuple[str, ...]:
    """Return the words in a pre-token, compounds unsplit; none if it has only symbols."""
    return tuple((_WORD if token.isascii() else _UNICODE_WORD).findall(token))


def words(text: str) -> list[str]:
    """
    Return the words of ``text`` in order, lower case, compounds unsplit.

    Examples
    --------
    >>> words("C++ or Node.js on docker-compose?")
    ['c++', 'or', 'node.js', 'on', 'docker-compose']
    """
    return list(words_in(pre_tokenize(text)))


def words_in(tokens: Iterable[str]) -> Iterator[str]:
    """Return the words in pre-tokens, in order."""
    return chain.from_iterable(_WORDS.map(tokens))


def code_terms(code: str) -> list[str]:
    """
    Return the identifiers in ``code``, lower case, each followed by its sub-words.

    Examples
    --------
    >>> code_terms("fetchedResults.map(x)")
    ['fetchedresults', 'fetched', 'results', 'map']
    """
    return with_subwords(identifiers(code))


def identifiers(code: str) -> list[str]:
    """Return the identifiers in ``code``, as written, up to `MAX_CODE_CHARACTERS`."""
    code = code[:MAX_CODE_CHARACTERS]
    return (_ASCII_IDENTIFIER if code.isascii() else _IDENTIFIER).findall(code)


def with_subwords(names: Iterable[str]) -> list[str]:
    """Return identifiers in lower case, each followed by its sub-words."""
    return list(chain.from_iterable(_IDENTIFIER_AND_SUBWORDS.map(names)))


def term_counts(text: PreparedText, title_weight: float) -> dict[str, float]:
    """Return each term's count in the question; one in the title counts as ``title_weight``."""
    terms = question_terms(text)
    body = _TERMS.map(terms.prose.all), _IDENTIFIER_AND_SUBWORDS.map(terms.identifiers)
    counts: dict[str, float] = dict(Counter(chain.from_iterable(chain(*body))))
    for term in chain.from_iterable(_TERMS.map(terms.title.all)):
        counts[term] = counts.get(term, 0.0) + title_weight
    return counts


class PreTokens(NamedTuple):
    """
    The pre-tokens of a text, in order.

    ``alphanumeric`` are those of letters and digits alone, almost all: each is one word without
    parts, so nothing about it needs to be cached. ``with_symbols`` are the others.
    """

    all: Sequence[str]
    alphanumeric: Sequence[str]
    with_symbols: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the pre-tokens of ``text``."""
        tokens = pre_tokenize(text)
        is_one_word = str.isalnum if text.isascii() else _is_one_word
        alphanumeric, others = filter(is_one_word, tokens), filterfalse(is_one_word, tokens)
        return cls(tokens, list(alphanumeric), list(others))


def _is_one_word(token: str) -> bool:
    """Return whether a pre-token of letters and digits of any script is one word."""
    return token.isalnum() and (token.isascii() or _WORDS[token] == (token,))


class QuestionTerms(NamedTuple):
    """The pre-tokens of a question's title and prose and the identifiers of its code, in order."""

    title: PreTokens
    prose: PreTokens
    identifiers: Sequence[str]


def question_terms(text: PreparedText) -> QuestionTerms:
    """
    Return the question's terms, field by field.

    Those of the latest questions are cached, except very long ones.
    """
    if len(text.title) + len(text.prose) > _MAX_CACHED_TEXT:
        return _split(text)
    return _cached_split(text)


def _split(text: PreparedText) -> QuestionTerms:
    return QuestionTerms(PreTokens.of(text.title), PreTokens.of(text.prose), identifiers(text.code))


def terms_of(token: str) -> tuple[str, ...]:
    """Return the words in a pre-token, each followed by its parts; no keys and hashes."""
    return tuple(chain.from_iterable(map(word_and_parts, words_of(token))))


def word_and_parts(word: str) -> tuple[str, ...]:
    """Return a word, followed by its parts if it is a compound; nothing for a key or hash."""
    return word_parts(word) if len(word) <= MAX_LENGTH else ()


def identifier_and_subwords(identifier: str) -> tuple[str, ...]:
    """Return an identifier in lower case, followed by its parts; nothing for a key or hash."""
    return identifier_parts(identifier) if len(identifier) <= MAX_LENGTH else ()


_cached_split = lru_cache(maxsize=256)(_split)
_WORDS: Final = BoundedCache(words_of)
_TERMS: Final = BoundedCache(terms_of)
_IDENTIFIER_AND_SUBWORDS: Final = BoundedCache(identifier_and_subwords)
