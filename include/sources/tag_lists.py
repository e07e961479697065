"""Tags as sources write them: a list, or one text in any of several formats."""

from __future__ import annotations

import ast
import html
import json
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Final

from include.questions import MAX_TAG_LENGTH, is_tag
from include.sources.fields import FieldError, describe, is_null_word
from include.sources.read_report import Repair

MAX_TAGS: Final = 25
"""Tags of a question; Stack Exchange allows 5."""

_SEPARATORS: Final = re.compile(r"[<>|]+")
_PLAIN_SEPARATORS: Final = re.compile(r"[\s,;]+")


def split_tags(text: str) -> tuple[str, ...]:
    """
    Return the tags in one text, unchecked.

    The three formats that Stack Exchange has used, words separated by spaces or commas as in its
    form for questions, and the list of JSON or Python that data frames write to CSV.

    Examples
    --------
    >>> split_tags("|c#|.net|"), split_tags("<c#><.net>"), split_tags("&lt;c#&gt;&lt;.net&gt;")
    (('c#', '.net'), ('c#', '.net'), ('c#', '.net'))
    >>> split_tags("c#, .net"), split_tags("['c#', '.net']")
    (('c#', '.net'), ('c#', '.net'))
    """
    text = html.unescape(text).strip()
    if text[:1] == "[" and (values := _listed(text)) is not None:
        return tuple(values)
    separators = _SEPARATORS if _SEPARATORS.search(text) else _PLAIN_SEPARATORS
    return tuple(tag for tag in separators.split(text) if tag)


def _listed(text: str) -> list[str] | None:
    """Return the texts of a list in JSON or Python; None if it is neither."""
    if len(text) > MAX_TAGS * (MAX_TAG_LENGTH + 4):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            values = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    return None


def parse_tags(value: object, repairs: Counter[Repair], *, as_text: bool) -> tuple[str, ...]:
    """
    Return a question's tags, each by the grammar of `is_tag`, once, in order.

    Parameters
    ----------
    value : object
        A list of texts, or one text; null is no tag.
    repairs : Counter of Repair
    as_text : bool
        Whether the source always writes one text; otherwise one is counted as a repair.

    Raises
    ------
    FieldError
        If the value is of another type, or one of its tags is not allowed by the grammar.
    """
    found: tuple[object, ...] = ()
    if is_null_word(value):
        repairs[Repair.NULL] += 1
    elif isinstance(value, str):
        found = split_tags(value)
        repairs[Repair.TAG_TEXT] += bool(value) and not as_text
    elif isinstance(value, (list, tuple)):
        found = tuple(value)
    elif value is not None:
        raise FieldError("tags", f"is {describe(value)}, not a list")
    tags, counts = [], Counter[Repair]()
    for entry in found:
        if not isinstance(entry, str):
            raise FieldError("tags", f"contains {describe(entry)}, not text")
        for written, tag in _read_entry(entry):
            counts[Repair.TAG_CASE] += written != tag
            tags.append(tag)
    distinct = tuple(dict.fromkeys(tags))
    counts[Repair.TAG_REPEATED] += len(tags) - len(distinct)
    if len(distinct) > MAX_TAGS:
        raise FieldError("tags", f"has {len(distinct)} tags, more than {MAX_TAGS}")
    counts[Repair.NO_TAGS] += not distinct
    repairs.update(+counts)
    return distinct


@lru_cache(maxsize=1 << 14)
def _read_entry(entry: str) -> tuple[tuple[str, str], ...]:
    """
    Return an entry of a list as pairs of a tag as written, in Unicode form NFC, and the tag.

    Almost always that is one tag as it is; some exports wrap the tags: ``["<c#><.net>"]``.
    """
    if is_tag(entry):
        tag = unicodedata.normalize("NFC", entry)
        return ((tag, tag),)
    pairs = []
    for part in _SEPARATORS.split(html.unescape(entry)):
        written = unicodedata.normalize("NFC", part.strip())
        if not written:
            continue
        tag = written.lower()
        if not is_tag(tag):
            shown = written if len(written) <= MAX_TAG_LENGTH else f"{written[:MAX_TAG_LENGTH]}..."
            raise FieldError("tags", f"contains {shown!r}, which is no tag")
        pairs.append((written, tag))
    return tuple(pairs)
