"""Writes a large simulated site into a file that the importer reads: JSON lines or a data dump."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO
from xml.sax.saxutils import quoteattr

from include.errors import FixInputError
from include.questions import Question
from include.sandbox.large_site import LargeSite, map_batches

Progress = Callable[[int], None]
"""Called with the number of questions written so far."""

_DUMP_START = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
_DUMP_END = b"</posts>\n"


def write_questions(
    site: LargeSite, path: Path, *, processes: int = 1, progress: Progress | None = None
) -> int:
    """
    Write all questions of ``site``; return their number.

    Parameters
    ----------
    site : LargeSite
    path : Path
        ``*.jsonl``, ``*.jsonl.gz`` (fields as `include.sources.jsonl` reads them), or ``*.xml`` (a
        data dump's ``Posts.xml``).
    processes : int
        >= 1; the file is the same for every number.
    progress : callable, optional

    Raises
    ------
    FixInputError
        If the name has another ending.
    """
    dump = path.suffix == ".xml"
    if not (dump or path.name.endswith((".jsonl", ".jsonl.gz"))):
        raise FixInputError(f"{path.name} must end in .jsonl, .jsonl.gz or .xml")
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with _open(path) as file:
        file.write(_DUMP_START if dump else b"")
        with closing(
            map_batches(site, dump_rows if dump else json_lines, processes=processes)
        ) as batches:
            for content in batches:
                file.write(content)
                written += content.count(b"\n")
                if progress:
                    progress(written)
        file.write(_DUMP_END if dump else b"")
    return written


def json_lines(questions: Sequence[Question]) -> bytes:
    """Return questions as JSON lines, UTF-8."""
    rows = (
        {
            "id": q.question_id,
            "creation_date": q.asked_at.strftime("%Y-%m-%dT%H:%M:%S"),
            "title": q.title,
            "body": q.body_html,
            "tags": q.tags,
            "score": q.score,
            "answer_count": q.answer_count,
            "view_count": q.view_count,
            "site": q.site,
        }
        for q in questions
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def dump_rows(questions: Sequence[Question]) -> bytes:
    """Return questions as rows of a data dump's ``Posts.xml``, one line each, UTF-8."""
    return "".join(f"  <row {_attributes(question)} />\n" for question in questions).encode()


def _attributes(question: Question) -> str:
    values = {
        "Id": str(question.question_id),
        "PostTypeId": "1",
        "CreationDate": question.asked_at.strftime("%Y-%m-%dT%H:%M:%S.000"),
        "Score": str(question.score),
        "ViewCount": str(question.view_count),
        "Body": question.body_html,
        "OwnerDisplayName": question.author,
        "Title": question.title,
        "Tags": f"|{'|'.join(question.tags)}|",
        "AnswerCount": str(question.answer_count),
        "ContentLicense": question.licence,
    }
    line_break = {"\n": "&#xA;"}
    return " ".join(f"{name}={quoteattr(value, line_break)}" for name, value in values.items())


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "wb", compresslevel=1)  # type: ignore[return-value]
    return path.open("wb")
