"""
Questions from a file with one JSON object per line, gzipped or not.

Fields: id, creation_date (ISO 8601, or Unix seconds), title (unescaped), body (HTML), tags, site,
and optionally score, answer_count, view_count, link, author, licence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from include.questions import Question
from include.sources.build_question import BadRecord, RawQuestion, accepted_questions
from include.sources.fields import describe
from include.sources.read_report import ReadReport
from include.sources.text_lines import read_lines

_NAMES: Final = {"question_id": "id", "asked_at": "creation_date", "body_html": "body"}
_REQUIRED: Final = ("id", "creation_date", "title", "body", "tags")


def read_jsonl(
    path: Path, site: str | None = None, report: ReadReport | None = None
) -> Iterator[Question]:
    """
    Yield the questions in the file's order, with one line in memory at a time.

    Parameters
    ----------
    path : Path
    site : str or None
        Only questions of this site, and of lines that name none; None for all.
    report : ReadReport or None
        Counts what is read; by default nothing may be refused.

    Raises
    ------
    FixInputError
        If the file is missing or broken, or more lines than tolerated cannot be read; the message
        names the line and field.
    """
    report = report or ReadReport()
    yield from accepted_questions(_records(path, site, report), report)


def _records(path: Path, site: str | None, report: ReadReport) -> Iterator[RawQuestion | BadRecord]:
    for number, line in enumerate(read_lines(path, report.repairs), start=1):
        if not line.strip():
            continue
        report.records += 1
        record = _record(line, f"{path.name}, line {number}", site)
        if not (isinstance(record, RawQuestion) and site and _is_of_another(record, site)):
            yield record


def _is_of_another(record: RawQuestion, site: str) -> bool:
    """Return whether a line names another site; one whose site is no text is refused later."""
    return isinstance(record.site, str) and record.site != site


def _record(line: str, place: str, site: str | None) -> RawQuestion | BadRecord:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRecord(place, f"not JSON: {error}")
    if not isinstance(row, dict):
        return BadRecord(place, f"{describe(row)}, not an object with a question's fields")
    required = _REQUIRED if site else (*_REQUIRED, "site")
    if missing := [field for field in required if field not in row]:
        return BadRecord(place, f"field '{missing[0]}' is missing")
    return RawQuestion(
        place=place,
        site=site if row.get("site") is None else row["site"],
        question_id=row["id"],
        asked_at=row["creation_date"],
        title=row["title"],
        body_html=row["body"],
        tags=row["tags"],
        names=_NAMES,
        score=row.get("score"),
        view_count=row.get("view_count"),
        answer_count=row.get("answer_count"),
        link=row.get("link"),
        author=row.get("author"),
        licence=row.get("licence"),
    )
