"""
Terms of a question: whole words that keep ``c++`` and ``node.js``, their parts, code's sub-words.

Plain regular expressions, as this runs for every question that the service ranks. Words and
identifiers come back in question after question, so what each is made of is remembered; a question
is taken apart once, however many parts of a candidate look at it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from include.text.prepared import PreparedText

CODE_CHARACTERS: Final = 6000
"""Code beyond this says little more of the topic (logs, dumps) and costs time."""

_WORD: Final = re.compile(r"(?<!\S)\.[a-z]\w*|\w+(?:[.\-+#/'\u2019]\w+)*[+#]*")
_PART: Final = re.compile(r"[.\-/_'\u2019]")
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_SUBWORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def words(text: str) -> list[str]:
    """
    Return the words of ``text`` in order, lower case, compounds in one piece.

    Examples
    --------
    >>> words("C++ or Node.js on docker-compose?")
    ['c++', 'or', 'node.js', 'on', 'docker-compose']
    """
    return _WORD.findall(text.lower())


def with_parts(compounds: Sequence[str]) -> list[str]:
    """
    Return the words, and after each compound its parts of two letters or more.

    Examples
    --------
    >>> with_parts(["docker-compose", "up"])
    ['docker-compose', 'docker', 'compose', 'up']
    """
    return list(chain.from_iterable(map(_word_and_parts, compounds)))


def code_terms(code: str) -> list[str]:
    """
    Return the identifiers in ``code``, lower case, each followed by its sub-words.

    Examples
    --------
    >>> code_terms("fetchedResults.map(x)")
    ['fetchedresults', 'fetched', 'results', 'map', 'x']
    """
    identifiers = _IDENTIFIER.findall(code[:CODE_CHARACTERS])
    return list(chain.from_iterable(map(_identifier_and_subwords, identifiers)))


def term_counts(text: PreparedText, title_weight: float) -> dict[str, float]:
    """Return how often each term occurs in the question, the title's counted ``title_weight``."""
    found = question_terms(text)
    counts: dict[str, float] = dict(Counter(chain(found.prose_terms, found.code_terms)))
    for term in found.title_terms:
        counts[term] = counts.get(term, 0.0) + title_weight
    return counts


@dataclass(frozen=True, slots=True)
class QuestionTerms:
    """A question taken apart: compounds in order, then compounds with their parts, then code."""

    title: tuple[str, ...]
    prose: tuple[str, ...]
    title_terms: tuple[str, ...]
    prose_terms: tuple[str, ...]
    code_terms: tuple[str, ...]


@lru_cache(maxsize=256)
def question_terms(text: PreparedText) -> QuestionTerms:
    """Return the question's terms, field by field; the latest questions' are remembered."""
    title, prose = words(text.title), words(text.prose)
    return QuestionTerms(
        tuple(title),
        tuple(prose),
        tuple(with_parts(title)),
        tuple(with_parts(prose)),
        tuple(code_terms(text.code)),
    )


@lru_cache(maxsize=16_384)
def _word_and_parts(word: str) -> tuple[str, ...]:
    parts = _PART.split(word)
    return (word, *(part for part in parts if len(part) > 1)) if len(parts) > 1 else (word,)


@lru_cache(maxsize=16_384)
def _identifier_and_subwords(identifier: str) -> tuple[str, ...]:
    subwords = _SUBWORD.findall(identifier)
    if len(subwords) < 2:
        return (identifier.lower(),)
    return (identifier.lower(), *(part.lower() for part in subwords if len(part) > 2))
