"""Questions from a CSV export of the Posts table, as by the Stack Exchange Data Explorer (SEDE)."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from include.errors import FixInputError
from include.questions import Question
from include.sources.build_question import BadRecord, RawQuestion, accepted_questions
from include.sources.fields import is_null_word
from include.sources.post_rows import is_question, raw_post
from include.sources.read_report import ReadReport
from include.sources.text_lines import read_lines

log = logging.getLogger(__name__)

ROW_LIMIT: Final = 50_000  # the Data Explorer truncates results to this without a warning
_REQUIRED_COLUMNS: Final = ("Id", "CreationDate", "Title", "Body", "Tags")
_MAX_FIELD_SIZE: Final = 1 << 24


def read_sede(
    path: Path, site: str, report: ReadReport | None = None, *, row_limit: int = ROW_LIMIT
) -> Iterator[Question]:
    """
    Yield the questions among the export's rows; answers are skipped.

    An export of exactly ``row_limit`` rows was probably truncated: a warning is logged at the end,
    and the report is not complete.

    Parameters
    ----------
    path : Path
        CSV, separated by commas, semicolons or tabs, gzipped or not, with at least the columns Id,
        CreationDate, Title, Body and Tags.
    site : str
        The API's name of the site, which the export does not contain.
    report : ReadReport or None
        Counts what is read; by default nothing may be refused.

    Raises
    ------
    FixInputError
        If the file is missing or broken, lacks a column, or more questions than tolerated cannot
        be read.
    """
    report = report or ReadReport()
    csv.field_size_limit(_MAX_FIELD_SIZE)
    lines = read_lines(path, report.repairs)
    yield from accepted_questions(_records(lines, site, path.name, report), report)
    if report.records == row_limit:
        report.complete = False
        log.warning(
            "%s has %d rows, the limit of the Data Explorer: export shorter ranges of CreationDate",
            path.name,
            report.records,
        )


def _records(
    lines: Iterator[str], site: str, name: str, report: ReadReport
) -> Iterator[RawQuestion | BadRecord]:
    header_line = next(lines, "")
    columns = _columns(header_line, name)
    line_number = 1
    # Strict: a file that ends inside quotes is truncated, and must not pass for a shorter one.
    rows = csv.reader(lines, delimiter=_delimiter(header_line), strict=True)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise FixInputError(
                f"{name}, row at line {line_number + 1}: {error}: the file is cut or damaged there"
            ) from error
        if row is None:
            return
        place, line_number = f"{name}, line {line_number + 1}", rows.line_num + 1
        if not row:
            continue
        report.records += 1
        yield from _record(row, columns, site, place)


def _record(
    row: Sequence[str], columns: Sequence[str], site: str, place: str
) -> Iterable[RawQuestion | BadRecord]:
    """Return the question in a row, nothing for another post, or why it is no row."""
    if len(row) < len(columns):
        missing = ", ".join(columns[len(row) :])
        problem = f"the row is cut: {len(row)} of {len(columns)} columns, without {missing}"
        return [BadRecord(place, problem)]
    if len(row) > len(columns):
        problem = f"the row has {len(row)} columns, the header {len(columns)}"
        return [BadRecord(place, problem)]
    values = dict(zip(columns, row, strict=True))
    if not _is_question(values):
        return []
    place = f"{place} (post {values['Id']:.20})"
    return [raw_post(values, site, place)]


def _is_question(values: Mapping[str, str]) -> bool:
    """Return whether a row is a question's; without a column of types, an answer has no title."""
    if "PostTypeId" in values:
        return is_question(values["PostTypeId"])
    return bool(values["Title"]) and not is_null_word(values["Title"])


def _delimiter(header: str) -> str:
    """Return the character that separates the columns; commas unless there are none."""
    return max(",;\t", key=header.count)


def _columns(header: str, name: str) -> list[str]:
    """Return the names of the columns; FixInputError if one is missing or there twice."""
    try:
        names = next(csv.reader([header], delimiter=_delimiter(header), strict=True), [])
    except csv.Error as error:
        raise FixInputError(f"{name}, line 1: {error}") from error
    columns = [column.strip() for column in names]
    if missing := [column for column in _REQUIRED_COLUMNS if column not in columns]:
        raise FixInputError(f"{name} lacks the columns {', '.join(missing)}")
    if twice := sorted({column for column in columns if column and columns.count(column) > 1}):
        raise FixInputError(f"{name} has more than one column {', '.join(twice)}")
    return columns
