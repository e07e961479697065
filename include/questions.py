"""A question, as every source yields it and the database stores it."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MAX_TAGS: Final = 5
"""Tags of a question on every Stack Exchange site."""
MAX_TAG_LENGTH: Final = 35
"""Characters of a tag: the limit of Stack Exchange."""

_TAG_SYMBOLS: Final = frozenset("+-.#")


def is_tag(text: str) -> bool:
    """
    Return whether ``text`` is a tag by the grammar of Stack Exchange.

    That is 1 to `MAX_TAG_LENGTH` lower-case letters of any script, their combining marks, digits,
    and ``+ - . #``, with a letter or digit among them. A tag is thus safe as a label, in a URL's
    query after encoding, and as text of a page.

    Examples
    --------
    >>> [is_tag(text) for text in ("c++", ".net-4.0", "питон", "two words", "Upper", "<b>", "--")]
    [True, True, True, False, False, False, False]
    """
    if not 0 < len(text) <= MAX_TAG_LENGTH or text != text.lower():
        return False
    kinds = {unicodedata.category(symbol)[0] for symbol in text if symbol not in _TAG_SYMBOLS}
    return bool(kinds & {"L", "N"}) and kinds <= {"L", "M", "N"}


def normalized_tag(text: str) -> str:
    """Return a tag as it is stored: in lower case, in Unicode form NFC. See `is_tag`."""
    return unicodedata.normalize("NFC", text).lower()


def question_link(site: str, question_id: int) -> str:
    """
    Return the question's address; ``site`` is the API's name or a full host name.

    Examples
    --------
    >>> question_link("devops.stackexchange", 7), question_link("askubuntu.com", 7)
    ('https://devops.stackexchange.com/q/7', 'https://askubuntu.com/q/7')
    """
    host = site if site.endswith((".com", ".net", ".org")) else f"{site}.com"
    return f"https://{host}/q/{question_id}"


@dataclass(frozen=True, slots=True)
class Question:
    """
    One question of a Stack Exchange site.

    Parameters
    ----------
    site : str
        The API's name of the site, such as ``stackoverflow`` or ``devops.stackexchange``.
    question_id : int
        Unique within the site, > 0.
    asked_at : datetime
        Aware, UTC.
    title : str
        Unescaped: ``a < b``, not ``a &lt; b``.
    body_html : str
        As rendered by the site.
    tags : tuple of str
        In the site's order; empty only in damaged sources.
    score, view_count, answer_count : int
        At ``fetched_at``: they change with time, so never filter or train on them.
    link, author, licence : str
        The attribution that CC BY-SA requires; empty where the source has none.
    fetched_at : datetime or None
        When the question was fetched; None is the time of storing.
    """

    site: str
    question_id: int
    asked_at: datetime
    title: str
    body_html: str
    tags: tuple[str, ...]
    score: int = 0
    view_count: int = 0
    answer_count: int = 0
    link: str = ""
    author: str = ""
    licence: str = ""
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TagRevision:
    """
    The tags that a question had from a moment on.

    Parameters
    ----------
    question_id : int
    revised_at : datetime
        Aware, UTC.
    tags : tuple of str
        In the site's order, as they were called then.
    """

    question_id: int
    revised_at: datetime
    tags: tuple[str, ...]


def first_fetched_at(questions: Iterable[Question]) -> datetime | None:
    """Return when the first of the questions was fetched, now if they do not say; None of none."""
    return min((question.fetched_at or datetime.now(UTC) for question in questions), default=None)
