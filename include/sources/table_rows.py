"""The rows of a small table that people write: CSV with a header, or JSON lines, maybe gzipped."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from include.errors import FixInputError
from include.questions import is_tag, normalized_tag
from include.sources.text_lines import read_lines


def read_rows(
    path: Path,
    columns: Collection[str],
    *,
    what: str,
    other_names: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """
    Yield each row with its place, such as ``own.csv, line 3``, for messages.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.jsonl``, each maybe with ``.gz``.
    columns : collection of str
        Those that a CSV file must have.
    what : str
        What the rows are, in the plural, for messages.
    other_names : mapping of str to str, optional
        Column by the name that it has in exports.

    Raises
    ------
    FixInputError
        If the file cannot be read, is of another kind, or lacks a column; the message names the
        line.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".csv"):
        yield from _csv_rows(path, columns, other_names or {})
    elif name.endswith(".jsonl"):
        yield from _json_rows(path, columns)
    else:
        raise FixInputError(f"{path.name}: {what} are read from .csv or .jsonl, each maybe .gz")


def row_tag(row: Mapping[str, Any], field: str, place: str) -> str:
    """Return the tag in a field, as it is stored; FixInputError names the place of what is none."""
    value = row.get(field)
    tag = normalized_tag(value.strip()) if isinstance(value, str) else ""
    if not is_tag(tag):
        raise FixInputError(f"{place}: {field} is {str(value)[:50]!r}, which is no tag")
    return tag


def _csv_rows(
    path: Path, needed: Collection[str], other_names: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = csv.reader(read_lines(path, Counter()), strict=True)
    try:
        header = [column.strip() for column in next(rows, [])]
        columns = [other_names.get(column, column) for column in header]
        if not set(needed) <= set(columns):
            others = [written for written, column in other_names.items() if column in needed]
            names = " and ".join(needed) + (f", or {' and '.join(others)}" if others else "")
            raise FixInputError(f"{path.name} lacks the columns {names}")
        for row in rows:
            if row and len(row) != len(columns):
                raise FixInputError(
                    f"{path.name}, line {rows.line_num}: {len(row)} columns, the header has "
                    f"{len(columns)}"
                )
            if row:
                yield f"{path.name}, line {rows.line_num}", dict(zip(columns, row, strict=True))
    except csv.Error as error:
        raise FixInputError(f"{path.name}, line {rows.line_num}: {error}") from error


def _json_rows(path: Path, needed: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(read_lines(path, Counter()), start=1):
        if not line.strip():
            continue
        place = f"{path.name}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FixInputError(f"{place}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise FixInputError(f"{place}: not an object with {next(iter(needed))}")
        yield place, row
