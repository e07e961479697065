"""
Words of prose, identifiers of code, lemmas and keywords. Pure, and nothing is downloaded.

The definition of a word is here, once for training, serving and drift checks. `tokenize` applies
the patterns with NLTK; `include.candidates.terms` applies them without it, for speed at each
question that is served.
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from include.text.characters import separate_scripts
from include.text.prepared import PreparedText
from include.text.stop_words import STOP_WORDS

if TYPE_CHECKING:
    from nltk.tokenize import RegexpTokenizer

# Names of technologies contain symbols that other words do not: a leading dot (.net), a trailing ++
# or # (c++, c#), dots and hyphens inside (node.js, asp.net-mvc, python-3.x, c#-4.0). Most words
# contain none, hence the look-ahead. The quantifiers are possessive so that nothing is backtracked.
_SYMBOLS: Final = (
    r"(?:(?:(?:\+\+|(?<=\b\w)#)?[.\-]|\+\+(?=\d))\w++)*+"  # ..., each followed by a word
    r"(?:\+\+|(?<=\b\w)#)?"
)
PROSE_PATTERN: Final = rf"\w++(?:(?=[+#.\-]){_SYMBOLS})?|\.(?=net\b)(?<!\w.)\w++{_SYMBOLS}"
CODE_PATTERN: Final = r"[^\W\d]\w++"

_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+|\d+")
_SEPARATOR: Final = re.compile(r"[.\-_]")
MAX_LENGTH: Final = 40
"""Characters of a word; longer ones are keys and hashes."""
_MAX_UNLEMMATIZED: Final = 3


@cache
def _tokenizer(pattern: str) -> "RegexpTokenizer":
    # Imported here: NLTK imports scikit-learn and pandas, which takes a second and a half.
    from nltk.tokenize import RegexpTokenizer

    return RegexpTokenizer(pattern)


def tokenize(text: str, *, parts: bool = False) -> list[str]:
    """
    Return the words of prose or of a title, lower case, in order.

    Parameters
    ----------
    text : str
        ``PreparedText.title`` or ``.prose``; inline identifiers count as words.
    parts : bool, default=False
        Whether each compound word (``docker-compose.yml``) is followed by its parts.

    Returns
    -------
    list of str
        Words of 1 to 40 characters; longer ones, which are keys and hashes, are left out.

    Examples
    --------
    >>> tokenize("Is C++ or .NET (asp.net-mvc) faster than Node.js, in C#?")
    ['is', 'c++', 'or', '.net', 'asp.net-mvc', 'faster', 'than', 'node.js', 'in', 'c#']
    >>> tokenize("my docker-compose.yml", parts=True)
    ['my', 'docker-compose.yml', 'docker', 'compose', 'yml']
    """
    words = _tokenizer(PROSE_PATTERN).tokenize(separate_scripts(text.lower()))
    words = [word for word in words if len(word) <= MAX_LENGTH]
    if not parts:
        return words
    return [part for word in words for part in word_parts(word)]


def tokenize_code(code: str, *, parts: bool = True) -> list[str]:
    """
    Return the identifiers of code, lower case, in order; numbers and single letters are left out.

    Parameters
    ----------
    code : str
        ``PreparedText.code``.
    parts : bool, default=True
        Whether each compound identifier (``camelCase``, ``snake_case``) is followed by its parts.

    Examples
    --------
    >>> tokenize_code("new HttpClient(base_url, x=1)")
    ['new', 'httpclient', 'http', 'client', 'base_url', 'base', 'url']
    """
    names = [name for name in _tokenizer(CODE_PATTERN).tokenize(code) if len(name) <= MAX_LENGTH]
    if not parts:
        return [name.lower() for name in names]
    return [part for name in names for part in identifier_parts(name)]


@lru_cache(maxsize=1 << 14)
def word_parts(word: str) -> tuple[str, ...]:
    """Return a word of prose, followed by its parts if it is a compound: ``docker-compose``."""
    found = [part for part in _SEPARATOR.split(word) if part]
    return (word, *found) if len(found) > 1 else (word,)


@lru_cache(maxsize=1 << 14)
def identifier_parts(name: str) -> tuple[str, ...]:
    """Return an identifier in lower case, followed by its parts if it is a compound."""
    found = [part.lower() for part in _PART.findall(name)]
    whole = name.lower()
    return (whole, *(part for part in found if len(part) > 1)) if len(found) > 1 else (whole,)


@lru_cache(maxsize=1 << 16)
def lemma(word: str) -> str:
    """
    Return the lemma of a lower-case English word; names and short words are unchanged.

    Examples
    --------
    >>> lemma("containers"), lemma("queries"), lemma("aws"), lemma("node.js")
    ('container', 'query', 'aws', 'node.js')
    """
    if len(word) <= _MAX_UNLEMMATIZED or not word.isalpha():
        return word
    from simplemma import lemmatize

    return str(lemmatize(word, "en")).lower()


def keywords(text: PreparedText) -> list[str]:
    """
    Return the lemmas of the content words of title and prose, in order, with repetitions.

    Stop words, numbers and single letters are left out.

    Examples
    --------
    >>> keywords(PreparedText("How do I stop 2 containers?", "They keep running in C#.", ""))
    ['stop', 'container', 'run', 'c#']
    """
    words = tokenize(text.title) + tokenize(text.prose)
    return [
        lemma(word)
        for word in words
        if len(word) > 1 and word not in STOP_WORDS and not word[0].isdigit()
    ]
