"""Checks a whole file of questions before any is stored: readable, and which time it covers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np

from include.errors import FixInputError
from include.months import month_of, month_start
from include.questions import Question
from include.sources.files import is_dump, read_file
from include.sources.read_report import ReadReport
from include.store.imports import CheckedFile, ImportSpan

_REPORT_EVERY = 1_000


@dataclass(slots=True)
class _SiteCounts:
    first: datetime
    last: datetime
    # Eight bytes a question: 200 MB for the largest dump there is
    ids: array[int] = field(default_factory=lambda: array("q"))

    @property
    def repeated(self) -> int:
        """The number of ids that occurred before."""
        return len(self.ids) - len(np.unique(np.frombuffer(self.ids, dtype=np.int64)))


def check_file(
    path: Path,
    site: str | None,
    as_of: datetime | None,
    report: ReadReport,
    on_read: Callable[[int], None] = lambda _: None,
) -> tuple[CheckedFile, list[ImportSpan], set[str]]:
    """
    Read a file to its end; return the counts, the time it covers of each site, and its months.

    Parameters
    ----------
    path, site
        See ``include.sources.files.read_file``.
    as_of : datetime or None
        When the file was exported, aware.
    report : ReadReport
        New; decides what is tolerated.
    on_read : callable, optional
        Called with the number of records read so far, now and then.

    Raises
    ------
    FixInputError
        If the file cannot be read, contains no question, or more bad ones than tolerated.
    """
    sites: dict[str, _SiteCounts] = {}
    months: set[str] = set()
    for question in reported(read_file(path, site, report), report, on_read):
        asked_at = question.asked_at
        counts = sites.get(question.site)
        if counts is None:
            counts = sites[question.site] = _SiteCounts(asked_at, asked_at)
        counts.first = min(counts.first, asked_at)
        counts.last = max(counts.last, asked_at)
        counts.ids.append(question.question_id)
        months.add(month_of(asked_at))
    if not sites:
        raise FixInputError(f"{path} contains no question" + (f" of {site}" if site else ""))
    spans = []
    for name, counts in sorted(sites.items()):
        start, end = covered_time(
            counts.first, counts.last, as_of, from_the_beginning=is_dump(path)
        )
        known = (start, end) if report.complete else (None, None)
        spans.append(ImportSpan(name, len(counts.ids), counts.first, counts.last, *known))
    checked = CheckedFile(
        records=report.records,
        questions=report.accepted,
        repeated=sum(counts.repeated for counts in sites.values()),
        refused=report.refused,
        repairs={str(kind): count for kind, count in report.repairs.items() if count},
    )
    return checked, spans, months


def covered_time(
    first: datetime, last: datetime, as_of: datetime | None, *, from_the_beginning: bool
) -> tuple[datetime, datetime]:
    """
    Return the time ``[from, until)`` of which a file contains all questions.

    It ends when the file was exported, or, where nobody says when that was, with the day of the
    last question: a month that a file ends in is complete only if it ends on the month's last day.

    Parameters
    ----------
    first, last : datetime
        Aware, UTC; when the first and the last question were asked.
    as_of : datetime or None
        When the file was exported, aware.
    from_the_beginning : bool
        Whether the file holds the site from its beginning, as a dump does: nothing precedes its
        first question, so that the whole month of it is covered.

    Examples
    --------
    >>> first, last = datetime(2024, 3, 9, 8, tzinfo=UTC), datetime(2024, 5, 2, 9, tzinfo=UTC)
    >>> [f"{t:%m-%d}" for t in covered_time(first, last, None, from_the_beginning=True)]
    ['03-01', '05-03']
    """
    day = datetime.combine(first.date(), time(), UTC)
    start = month_start(month_of(first)) if from_the_beginning else day
    end = as_of or datetime.combine(last.date(), time(), UTC) + timedelta(days=1)
    return start, end


def reported(
    questions: Iterator[Question], report: ReadReport, on_read: Callable[[int], None]
) -> Iterator[Question]:
    """Yield the questions; call ``on_read`` with the position about every thousand records."""
    next_report = _REPORT_EVERY
    for question in questions:
        if report.records >= next_report:
            on_read(report.records)
            next_report = report.records + _REPORT_EVERY
        yield question
    on_read(report.records)
