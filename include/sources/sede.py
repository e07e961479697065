"""Questions from a CSV export of the Posts table by the Stack Exchange Data Explorer (SEDE)."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from include.errors import FixInputError
from include.questions import Question
from include.sources.post_rows import QUESTION_TYPE, read_post

log = logging.getLogger(__name__)

ROW_LIMIT: Final = 50_000  # the Data Explorer truncates results to this without a warning
_REQUIRED_COLUMNS: Final = ("Id", "CreationDate", "Title", "Body", "Tags")
_MAX_FIELD_SIZE: Final = 1 << 24


def read_sede(path: Path, site: str, *, row_limit: int = ROW_LIMIT) -> Iterator[Question]:
    """
    Yield the questions among the export's rows; answers are skipped.

    An export of ``row_limit`` rows was probably truncated: a warning is logged at the end.

    Parameters
    ----------
    path : Path
        CSV with at least the columns Id, CreationDate, Title, Body and Tags.
    site : str
        The API's name of the site, which the export does not contain.

    Raises
    ------
    FixInputError
        If the file is missing, lacks a column, or a row cannot be read.
    """
    csv.field_size_limit(_MAX_FIELD_SIZE)
    count = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            _check_columns(rows.fieldnames or (), path)
            for row in rows:
                count += 1
                if row.get("PostTypeId", QUESTION_TYPE) == QUESTION_TYPE and row["Title"]:
                    yield read_post(row, site)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise FixInputError(f"cannot read {path}: {error}") from error
    if count >= row_limit:
        log.warning(
            "%s has %d rows, the limit of the Data Explorer: export shorter ranges of CreationDate",
            path.name,
            count,
        )


def _check_columns(found: object, path: Path) -> None:
    columns = set(found) if isinstance(found, (list, tuple)) else set()
    if missing := [name for name in _REQUIRED_COLUMNS if name not in columns]:
        raise FixInputError(f"{path} lacks the columns {', '.join(missing)}")
