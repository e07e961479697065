"""
Terms of a question: its words, their parts, and the identifiers of its code with theirs.

The words are those that the patterns of `include.text.tokens` find, but this runs for every
question that the service ranks: NLTK takes ten times as long to find them, and a second and 200 MB
to import. Text is cut at what no word can hold; these pieces come back in question after question,
so what each holds is remembered, and the pattern is rarely asked. A question is cut once, however
many parts of a candidate look at it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, filterfalse
from typing import Final, Generic, Self, TypeVar

from include.text.prepared import PreparedText
from include.text.tokens import (
    CODE_PATTERN,
    MAX_LENGTH,
    PROSE_PATTERN,
    identifier_parts,
    word_parts,
)

CODE_CHARACTERS: Final = 6000
"""Code beyond this says little more of the topic (logs, dumps) and costs time."""

_WORD: Final = re.compile(PROSE_PATTERN)
_PIECE: Final = re.compile(r"[\w+#.\-]+")
_ASCII_PIECES: Final = bytes(
    ord(sign.lower()) if sign.isascii() and _PIECE.match(sign) else ord(" ")
    for sign in map(chr, range(256))
)
"""Lower case for what words can hold, a blank for all else."""
_IDENTIFIER: Final = re.compile(CODE_PATTERN)
_ASCII_IDENTIFIER: Final = re.compile(CODE_PATTERN, re.ASCII)
_REMEMBERED: Final = 16_384
"""Words that a `Remembered` holds before it begins anew."""

T = TypeVar("T")


class Remembered(dict[str, T], Generic[T]):
    """What a function says of words: a look into a dict for each word that was met before."""

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> T:
        """Ask the function, and remember."""
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[word] = self._function(word)
        return value

    def of(self, words: Iterable[str]) -> Iterable[T]:
        """Return the value of each of ``words``, in order."""
        return map(self.__getitem__, words)


def pieces(text: str) -> list[str]:
    """
    Return the stretches of ``text`` that hold its words, lower case: a word never crosses an edge.

    Examples
    --------
    >>> pieces("C++ or (Node.js) on docker-compose? No...")
    ['c++', 'or', 'node.js', 'on', 'docker-compose', 'no...']
    """
    if not text.isascii():
        return _PIECE.findall(text.lower())
    # A third of the pattern's time. No word ends in a dot: sentences leave fewer pieces without.
    plain = text.replace(". ", " ").encode("ascii").translate(_ASCII_PIECES)
    return plain.decode("ascii").split()


def words_of(piece: str) -> tuple[str, ...]:
    """Return the words in a piece of text, compounds whole; nothing of what is only signs."""
    return tuple(_WORD.findall(piece))


def words(text: str) -> list[str]:
    """
    Return the words of ``text`` in order, lower case, compounds in one piece.

    Examples
    --------
    >>> words("C++ or Node.js on docker-compose?")
    ['c++', 'or', 'node.js', 'on', 'docker-compose']
    """
    return list(words_in(pieces(text)))


def words_in(found: Iterable[str]) -> Iterator[str]:
    """Return the words in pieces of text, in order."""
    return chain.from_iterable(_WORDS.of(found))


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
    """Return the identifiers in the beginning of ``code``, in order, as they are written."""
    code = code[:CODE_CHARACTERS]
    return (_ASCII_IDENTIFIER if code.isascii() else _IDENTIFIER).findall(code)


def with_subwords(found: Iterable[str]) -> list[str]:
    """Return identifiers in lower case, each followed by its sub-words."""
    return list(chain.from_iterable(_IDENTIFIER_AND_SUBWORDS.of(found)))


def term_counts(text: PreparedText, title_weight: float) -> dict[str, float]:
    """Return how often each term occurs in the question, the title's counted ``title_weight``."""
    found = question_terms(text)
    in_text = _TERMS.of(found.prose.all), _IDENTIFIER_AND_SUBWORDS.of(found.identifiers)
    counts: dict[str, float] = dict(Counter(chain.from_iterable(chain(*in_text))))
    for term in chain.from_iterable(_TERMS.of(found.title.all)):
        counts[term] = counts.get(term, 0.0) + title_weight
    return counts


@dataclass(frozen=True, slots=True)
class Pieces:
    """
    The `pieces` of a text, in order.

    ``plain`` are those of letters and digits alone, nearly all: each is one word without parts, and
    nothing need be remembered of it. ``signed`` are the others.
    """

    all: Sequence[str]
    plain: Sequence[str]
    signed: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the pieces of ``text``."""
        found = pieces(text)
        plain, signed = filter(str.isalnum, found), filterfalse(str.isalnum, found)
        return cls(found, list(plain), list(signed))


@dataclass(frozen=True, slots=True)
class QuestionTerms:
    """A question taken apart: pieces of title and prose, and identifiers of code, in order."""

    title: Pieces
    prose: Pieces
    identifiers: Sequence[str]


@lru_cache(maxsize=256)
def question_terms(text: PreparedText) -> QuestionTerms:
    """Return the question's terms, field by field; the latest questions' are remembered."""
    return QuestionTerms(Pieces.of(text.title), Pieces.of(text.prose), identifiers(text.code))


def terms_of(piece: str) -> tuple[str, ...]:
    """Return the words in a piece of text, each followed by its parts; no keys and hashes."""
    return tuple(chain.from_iterable(map(word_and_parts, words_of(piece))))


def word_and_parts(word: str) -> tuple[str, ...]:
    """Return a word, and if it is a compound, its parts; nothing of a key or hash."""
    return word_parts(word) if len(word) <= MAX_LENGTH else ()


def identifier_and_subwords(identifier: str) -> tuple[str, ...]:
    """Return an identifier in lower case, and its parts; nothing of a key or hash."""
    return identifier_parts(identifier) if len(identifier) <= MAX_LENGTH else ()


_WORDS: Final = Remembered(words_of)
_TERMS: Final = Remembered(terms_of)
_IDENTIFIER_AND_SUBWORDS: Final = Remembered(identifier_and_subwords)
