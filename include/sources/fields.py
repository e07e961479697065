"""Parses single fields of a question: repairs what has one meaning, refuses what has none."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Final

from include.sources.read_report import Repair

UNDECODABLE: Final = "\ufdd0"
"""Stands for bytes that are not text in the source's encoding; a noncharacter, so never in text."""

MAX_TITLE_LENGTH: Final = 1_000
MAX_BODY_LENGTH: Final = 1_000_000
"""Characters; the site's own limits are 150 and 30,000 (before rendering)."""

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Older times come from a missing or zero value, not from a question on the web."""

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_DAMAGED: Final = re.compile(
    rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff{UNDECODABLE}\ufffe\uffff]"
)
_WHOLE_NUMBER: Final = re.compile(r"([+-]?[0-9]{1,20})(\.0*)?", re.ASCII)
_LINK: Final = re.compile(r"https?://[!#-&(-;=?-\[\]-~\u00a1-\ud7ff]+")
_MAX_LINK_LENGTH: Final = 2_000
_MILLISECONDS: Final = 1000
_NULL_WORDS: Final = frozenset({"nan", "none", "null", "na", "<na>", "\\n"})
_NAMES: Final = {str: "text", bool: "true or false", int: "a number", float: "a number"}


class FieldError(ValueError):
    """
    A field's value cannot be used.

    Parameters
    ----------
    field : str
        Name of the field in `Question`.
    problem : str
        Completes the sentence that starts with the field: ``is null``.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def parse_text(value: object, field: str, repairs: Counter[Repair], max_length: int) -> str:
    """
    Return text that PostgreSQL, JSON and XML can hold; control characters become spaces.

    Raises
    ------
    FieldError
        If the value is no text, is not in the source's encoding, or is too long.
    """
    if not isinstance(value, str):
        raise FieldError(field, f"is {describe(value)}, not text")
    if len(value) > max_length:
        raise FieldError(field, f"has {len(value):,} characters; at most {max_length:,} are stored")
    if _DAMAGED.search(value) is None:
        return value
    if UNDECODABLE in value:
        raise FieldError(
            field, "has bytes that are not UTF-8: convert the file to UTF-8, then try again"
        )
    if _SURROGATE.search(value):
        # Pairs of surrogates are one character; each one that is left alone is none.
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        repairs[Repair.SURROGATE] += value.count("\ufffd")
    value, count = _CONTROL.subn(" ", value)
    repairs[Repair.CONTROL_CHARACTER] += count
    return value


def parse_title(value: object, repairs: Counter[Repair]) -> str:
    """Return a title; FieldError if it is missing or empty."""
    if value is None:
        raise FieldError("title", "is null")
    if is_null_word(value):
        raise FieldError("title", f"is {value!r}, a missing value")
    title = parse_text(value, "title", repairs, MAX_TITLE_LENGTH)
    if not title.strip():
        raise FieldError("title", "is empty")
    return title


def parse_body(value: object, repairs: Counter[Repair]) -> str:
    """Return a body; one that is null or empty is counted."""
    if value is None or value == "":
        repairs[Repair.NO_BODY] += 1
        return ""
    if is_null_word(value):
        repairs[Repair.NULL] += 1
        return ""
    return parse_text(value, "body_html", repairs, MAX_BODY_LENGTH)


def parse_number(
    value: object, field: str, repairs: Counter[Repair], low: int, high: int
) -> int | None:
    """
    Return a whole number in ``[low, high]``; None for null, empty text, NaN and their words.

    Raises
    ------
    FieldError
        If the value is no whole number or out of range.
    """
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return None
    if is_null_word(value):
        repairs[Repair.NULL] += 1
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise FieldError(field, f"is {describe(value)}, not a number")
    match = None if isinstance(value, float) and value % 1 else _matched_number(value)
    if match is None:
        raise FieldError(field, f"is {_shown(value)}, not a whole number")
    number = int(match[1])
    if not low <= number <= high:
        raise FieldError(field, f"is {_shown(value)}, not in {low} to {high}")
    if match[2]:
        repairs[Repair.NUMBER] += 1
    return number


def is_null_word(value: object) -> bool:
    r"""
    Return whether text is what data frames and databases write for a missing value.

    Examples
    --------
    >>> [is_null_word(text) for text in ("NaN", r"\N", "null", "0", "")]
    [True, True, True, False, False]
    """
    return isinstance(value, str) and value.strip().lower() in _NULL_WORDS


def _matched_number(value: float | str) -> re.Match[str] | None:
    """Return the match of whole and decimal digits; None if there is another character."""
    if isinstance(value, float):
        value = f"{value:.1f}" if abs(value) < 1e19 else ""
    return _WHOLE_NUMBER.fullmatch(str(value).strip()[:64])


def parse_time(value: object, repairs: Counter[Repair], latest: datetime) -> datetime:
    """
    Return a time in UTC, truncated to whole seconds, the API's resolution.

    An offset is converted; a time without one is UTC, as in dumps. Numbers are Unix seconds or
    milliseconds; the ranges of the two do not overlap.

    Parameters
    ----------
    value : object
        ISO 8601 text, or a Unix time.
    repairs : Counter of Repair
    latest : datetime
        Aware; the latest time that is possible.

    Raises
    ------
    FieldError
        If the value is no time, or not in `EARLIEST` to ``latest``.
    """
    if value is None or value == "":
        raise FieldError("asked_at", "is null" if value is None else "is empty")
    if isinstance(value, (int, float)) or (isinstance(value, str) and _is_number(value)):
        moment = _from_unix(value, repairs, latest)
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise FieldError("asked_at", f"is {_shown(value)}, not an ISO 8601 time") from None
    else:
        raise FieldError("asked_at", f"is {describe(value)}, not a time")
    if not EARLIEST <= moment <= latest:
        where = "before 1990" if moment < EARLIEST else f"after {latest:%Y-%m-%d %H:%M} UTC"
        raise FieldError("asked_at", f"is {_shown(value)}, {where}")
    return moment.replace(microsecond=0)


def _is_number(text: str) -> bool:
    """Return whether text is a Unix time; shorter digits are dates such as 20190301."""
    match = _WHOLE_NUMBER.fullmatch(text.strip())
    return match is not None and (len(match[1]) > 8 or match[1].startswith("-"))


def _from_unix(value: float | str, repairs: Counter[Repair], latest: datetime) -> datetime:
    limit = int(latest.timestamp()) * _MILLISECONDS
    number = parse_number(value, "asked_at", repairs, -limit, limit)
    if number is None:
        raise FieldError("asked_at", "is no number")
    if number >= EARLIEST.timestamp() * _MILLISECONDS:
        repairs[Repair.MILLISECONDS] += 1
        number //= _MILLISECONDS
    if abs(number) > latest.timestamp():
        raise FieldError("asked_at", f"is {_shown(value)}, no Unix time of a question")
    return datetime.fromtimestamp(number, UTC)


def parse_link(value: object, fallback: str, repairs: Counter[Repair]) -> str:
    """Return an ``http`` or ``https`` address, or the fallback for any other value."""
    if isinstance(value, str) and len(value) <= _MAX_LINK_LENGTH and _LINK.fullmatch(value):
        return value
    if value is not None and value != "":
        repairs[Repair.LINK] += 1
    return fallback


def parse_author(value: object, repairs: Counter[Repair]) -> str:
    """Return a name; an unreadable one is left out and counted."""
    if value is None or value == "":
        return ""
    try:
        return parse_text(value, "author", repairs, MAX_TITLE_LENGTH).strip()
    except FieldError:
        repairs[Repair.OWNER] += 1
        return ""


def describe(value: object) -> str:
    """
    Return what kind of value it is, for messages.

    Examples
    --------
    >>> describe(None), describe(3), describe({})
    ('null', 'a number', 'an object')
    """
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    return _NAMES.get(type(value), "a list")


def _shown(value: object) -> str:
    """Return a value for a message, at most 40 characters of it."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
