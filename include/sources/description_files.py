"""
Descriptions of tags from a file: CSV with a header, or JSON lines, each maybe gzipped.

Columns or fields are ``tag`` and ``excerpt``, plain text. An empty or null ``excerpt`` says that
the tag has no description.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from include.errors import FixInputError
from include.sources.fields import MAX_BODY_LENGTH, FieldError, is_null_word, parse_text
from include.sources.table_rows import read_rows, row_tag
from include.sources.tag_excerpts import TagExcerpts

_COLUMNS: Final = ("tag", "excerpt")


def read_description_file(path: Path) -> TagExcerpts:
    """
    Return what a file says of tags, in its order; of two rows of a tag the later counts.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.jsonl``, each maybe with ``.gz``.

    Raises
    ------
    FixInputError
        If the file cannot be read, a row names no tag, or its excerpt is no text in UTF-8; the
        message names the line.
    """
    excerpts = TagExcerpts()
    for place, row in read_rows(path, _COLUMNS, what="descriptions of tags"):
        excerpts.add(row_tag(row, "tag", place), _excerpt(row, place))
    return excerpts


def _excerpt(row: Mapping[str, Any], place: str) -> str:
    if "excerpt" not in row:  # a misspelt field must not remove descriptions
        raise FixInputError(f"{place}: field 'excerpt' is missing; null says that there is none")
    value = row["excerpt"]
    if value is None or is_null_word(value):
        return ""
    try:
        return parse_text(value, "excerpt", Counter(), MAX_BODY_LENGTH)
    except FieldError as error:
        raise FixInputError(f"{place}: {error}") from error
