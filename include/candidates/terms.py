"""
Terms of a question: whole words that keep ``c++`` and ``node.js``, their parts, code's sub-words.

Plain regular expressions, as this runs for every question that the service ranks.
"""

import re
from collections import Counter
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


def with_parts(compounds: list[str]) -> list[str]:
    """
    Return the words, and after each compound its parts of two letters or more.

    Examples
    --------
    >>> with_parts(["docker-compose", "up"])
    ['docker-compose', 'docker', 'compose', 'up']
    """
    terms = []
    for word in compounds:
        terms.append(word)
        parts = _PART.split(word)
        if len(parts) > 1:
            terms.extend(part for part in parts if len(part) > 1)
    return terms


def code_terms(code: str) -> list[str]:
    """
    Return the identifiers in ``code``, lower case, each followed by its sub-words.

    Examples
    --------
    >>> code_terms("fetchedResults.map(x)")
    ['fetchedresults', 'fetched', 'results', 'map', 'x']
    """
    terms = []
    for identifier in _IDENTIFIER.findall(code[:CODE_CHARACTERS]):
        terms.append(identifier.lower())
        subwords = _SUBWORD.findall(identifier)
        if len(subwords) > 1:
            terms.extend(subword.lower() for subword in subwords if len(subword) > 2)
    return terms


def term_counts(text: PreparedText, title_weight: float) -> dict[str, float]:
    """Return how often each term occurs in the question, the title's counted ``title_weight``."""
    counts: dict[str, float] = dict(Counter(with_parts(words(text.prose)) + code_terms(text.code)))
    for term in with_parts(words(text.title)):
        counts[term] = counts.get(term, 0.0) + title_weight
    return counts
