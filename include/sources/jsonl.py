"""
Questions from a file with one JSON object per line, gzipped or not.

Fields: id, creation_date (ISO 8601, UTC), title (unescaped), body (HTML), tags, site, and
optionally score, answer_count, view_count.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.errors import FixInputError
from include.questions import Question
from include.sources.attribution import licence_at, question_link


def read_jsonl(path: Path) -> Iterator[Question]:
    """
    Yield the questions in the file's order, with one line in memory at a time.

    Raises
    ------
    FixInputError
        If the file is missing or a line cannot be read; the message names the line and field.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _question(line, f"{path.name}, line {number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise FixInputError(f"cannot read {path}: {error}") from error


def _question(line: str, place: str) -> Question:
    try:
        row: dict[str, Any] = json.loads(line)
        asked_at = datetime.fromisoformat(row["creation_date"])
        asked_at = (asked_at if asked_at.tzinfo else asked_at.replace(tzinfo=UTC)).astimezone(UTC)
        return Question(
            site=row["site"],
            question_id=int(row["id"]),
            asked_at=asked_at.replace(microsecond=0),
            title=row["title"],
            body_html=row["body"],
            tags=tuple(row["tags"]),
            score=int(row.get("score") or 0),
            view_count=int(row.get("view_count") or 0),
            answer_count=int(row.get("answer_count") or 0),
            link=question_link(row["site"], int(row["id"])),
            licence=licence_at(asked_at),
        )
    except KeyError as error:
        raise FixInputError(f"{place}: field {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise FixInputError(f"{place}: {error}") from error
