"""Imports of files: their position, and the time that each covers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from include.errors import RetryLaterError
from include.store.queries import query


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """
    What a check of a whole file found.

    Parameters
    ----------
    records : int
        Rows or lines.
    questions : int
        Questions that can be read.
    repeated : int
        Of these, those whose id occurs again later in the file: the later one counts.
    refused : int
        Questions to leave out.
    repairs : mapping of str to int
        Number of repairs by kind.
    """

    records: int
    questions: int
    repeated: int
    refused: int
    repairs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImportSpan:
    """
    The time that a file covers of one site.

    Parameters
    ----------
    site : str
    questions : int
    first_asked_at, last_asked_at : datetime
        Aware, UTC; of the first and the last question.
    covered_from, covered_until : datetime or None
        All of the site's questions in ``[from, until)`` are in the file; None if unknown.
    """

    site: str
    questions: int
    first_asked_at: datetime
    last_asked_at: datetime
    covered_from: datetime | None
    covered_until: datetime | None


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """The time that an import covers, None if unknown, and whether all of it is stored."""

    covered_from: datetime | None
    covered_until: datetime | None
    done: bool


def import_coverage(
    connection: Connection, import_id: str, site: str
) -> tuple[datetime, datetime] | None:
    """Return the time ``[from, until)`` that an import covers of a site; None if unknown."""
    binds = {"import_id": import_id, "site": site}
    row = connection.execute(query("import_coverage"), binds).one_or_none()
    if row is None or row.covered_from is None or row.covered_until is None:
        return None
    return row.covered_from, row.covered_until


def find_interrupted(connection: Connection, import_id: str) -> tuple[CheckedFile, int] | None:
    """Return an unfinished import's check and its position, in records; None if there is none."""
    row = connection.execute(query("interrupted_import"), {"import_id": import_id}).one_or_none()
    if row is None:
        return None
    checked = CheckedFile(
        row.record_count, row.question_count, row.repeated_count, row.refused_count, row.repairs
    )
    return checked, row.records_done


def open_import(
    connection: Connection,
    import_id: str,
    *,
    file_name: str,
    site: str | None,
    as_of: datetime | None,
    checked: CheckedFile,
    spans: Sequence[ImportSpan],
) -> int:
    """
    Record a checked file and its spans; return the records that are already stored.

    That is 0, unless another process has opened the same import meanwhile.
    """
    done: int = connection.execute(
        query("open_import"),
        {
            "import_id": import_id,
            "file_name": file_name,
            "site": site,
            "as_of": as_of,
            "record_count": checked.records,
            "question_count": checked.questions,
            "repeated_count": checked.repeated,
            "refused_count": checked.refused,
            "repairs": json.dumps(dict(checked.repairs)),
        },
    ).scalar_one()
    for span in spans:
        connection.execute(
            query("record_import_span"),
            {
                "import_id": import_id,
                "site": span.site,
                "question_count": span.questions,
                "first_asked_at": span.first_asked_at,
                "last_asked_at": span.last_asked_at,
                "covered_from": span.covered_from,
                "covered_until": span.covered_until,
            },
        )
    return done


def advance_import(
    connection: Connection, import_id: str, *, old_done: int, records_done: int, done: bool = False
) -> None:
    """
    Move an import's position in the transaction that stores the questions before it.

    Raises
    ------
    RetryLaterError
        If another process has moved it: two are importing the same file.
    """
    binds = {
        "import_id": import_id,
        "old_done": old_done,
        "records_done": records_done,
        "done": done,
    }
    if connection.execute(query("advance_import"), binds).one_or_none() is None:
        raise RetryLaterError(
            "another process is importing the same file; this one stops, and a later try goes on "
            "where that one ends"
        )


def read_import_spans(
    connection: Connection, site: str, start: datetime, end: datetime
) -> list[StoredSpan]:
    """Return the imports of a site that touch ``[start, end)``, by the start of their coverage."""
    rows = connection.execute(
        query("import_spans_between"), {"site": site, "start": start, "end": end}
    )
    return [StoredSpan(row.covered_from, row.covered_until, row.done) for row in rows]
