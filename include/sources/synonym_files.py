"""
Tag synonyms and retired tags from a file: CSV, or JSON lines, each maybe gzipped.

CSV has a header: ``SourceTagName`` and ``TargetTagName`` with ``CreationDate`` and ``ApprovalDate``
where they are known, as an export of the Data Explorer's table ``TagSynonyms``, or ``from_tag`` and
``to_tag`` with ``creation_date``. JSON lines have the latter names. An empty or missing ``to_tag``
means that the tag is retired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from include.errors import FixInputError
from include.sources.fields import FieldError, is_null_word, parse_time
from include.sources.read_report import Repair
from include.sources.table_rows import read_rows, row_tag
from include.tag_names import TagSynonym

_COLUMNS: Final = ("from_tag", "to_tag")
_SEDE_NAMES: Final = {
    "SourceTagName": "from_tag",
    "TargetTagName": "to_tag",
    "CreationDate": "creation_date",
    "ApprovalDate": "approval_date",
}


def read_synonyms(path: Path) -> list[TagSynonym]:
    """
    Return the synonyms and retired tags in a file, in its order.

    Synonyms that were proposed on the site and not approved are left out.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.jsonl``, each maybe with ``.gz``.

    Raises
    ------
    FixInputError
        If the file cannot be read or a line names no tags; the message names the line.
    """
    rows = read_rows(path, _COLUMNS, what="synonyms", other_names=_SEDE_NAMES)
    return [_synonym(row, place) for place, row in rows if _is_approved(row)]


def _is_approved(row: Mapping[str, Any]) -> bool:
    """Return whether a row counts: an export of the site also has those that wait for a vote."""
    return "approval_date" not in row or not _is_empty(row["approval_date"])


def _is_empty(value: object) -> bool:
    return value is None or value == "" or is_null_word(value)


def _synonym(row: Mapping[str, Any], place: str) -> TagSynonym:
    return TagSynonym(
        from_tag=row_tag(row, "from_tag", place),
        # "null" and "nan" are tags
        to_tag=row_tag(row, "to_tag", place) if row.get("to_tag") else None,
        created_at=_time(row.get("creation_date"), place),
    )


def _time(value: object, place: str) -> datetime | None:
    if _is_empty(value):
        return None
    repairs: Counter[Repair] = Counter()
    try:
        return parse_time(value, repairs, datetime.now(UTC) + timedelta(days=1))
    except FieldError as error:
        raise FixInputError(f"{place}: creation_date {error.problem}") from error
