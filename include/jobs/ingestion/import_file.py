"""
Load a file of questions into PostgreSQL: a data dump, a Data Explorer export or JSON lines.

The file is read twice: checked as a whole, so that one that is refused stores nothing, then stored
in committed batches. An interrupted import resumes when it is run again; a finished one is stored
again, without duplicates. The second pass over a dump takes what it says of its tags, too, and the
history of its questions' tags is read after it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Engine

from include.errors import FixInputError
from include.jobs.ingestion.file_check import check_file, reported
from include.jobs.ingestion.import_descriptions import (
    ImportedDescriptions,
    dump_excerpts,
    refuse_future,
    store_excerpts,
    summarise_descriptions,
)
from include.jobs.ingestion.import_tag_history import (
    ImportedHistory,
    dump_history,
    import_tag_history,
    summarise_history,
)
from include.questions import Question
from include.sources.files import read_file
from include.sources.read_report import ReadReport
from include.store.imports import (
    CheckedFile,
    advance_import,
    find_interrupted,
    open_import,
)
from include.store.question_batches import (
    BATCH,
    QuestionBatch,
    batches_of,
    one_ahead,
    store_batch,
)
from include.store.questions import ensure_partitions

log = logging.getLogger(__name__)

_ONE_DAY: Final = timedelta(days=1)


class OnProgress(Protocol):
    """Is told how far an import is."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Take the step (``check``, ``store``, ``history``), and records done of a known total."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """
    The result of an import.

    Parameters
    ----------
    checked : CheckedFile
        What is in the file.
    resumed_after : int
        Records that an earlier, interrupted run had stored; 0 if this one stored all.
    descriptions : ImportedDescriptions or None
        What a dump says of its tags; None for other files, and for a dump without ``Tags.xml``.
    history : ImportedHistory or None
        First tags of a dump's questions; None for other files, and without ``PostHistory.xml``.
    """

    checked: CheckedFile
    resumed_after: int
    descriptions: ImportedDescriptions | None = None
    history: ImportedHistory | None = None

    @property
    def questions(self) -> int:
        """Distinct questions of the file, all of them stored."""
        return self.checked.questions - self.checked.repeated


def import_file(
    engine: Engine,
    path: Path,
    *,
    site: str | None = None,
    as_of: datetime | None = None,
    max_bad_share: float = 0.0,
    on_progress: OnProgress = lambda step, done, total: None,
) -> ImportedFile:
    """
    Check a file, then store its questions in batches, each in a transaction of its own.

    No lock is held between batches or while the file is read, so that other months can be ingested
    and trained on meanwhile. Killed at any time, it continues at the batch after the last one that
    was committed.

    Parameters
    ----------
    engine : Engine
        On a migrated database.
    path : Path
        See ``include.sources.files.read_file``.
    site : str or None
        The API's name of the site; JSON lines contain it.
    as_of : datetime or None
        When the file was exported, aware: stored versions fetched later are kept. If None, the file
        counts as the latest version.
    max_bad_share : float, default=0.0
        Share of the questions that may be left out because they cannot be read, in [0, 1).
    on_progress : callable, optional
        Called about every thousand records.

    Raises
    ------
    FixInputError
        If the file cannot be read or contains no question; nothing is stored then.
    RetryLaterError
        If another process is importing the same file.
    """
    refuse_future(as_of)
    import_id = _import_id(path, site, as_of)
    excerpts, history_path = dump_excerpts(path), dump_history(path)
    new_report = _reports(as_of, max_bad_share)
    with engine.connect() as connection:
        interrupted = find_interrupted(connection, import_id)
    if interrupted is not None:
        checked, done = interrupted
    else:
        checked, spans, months = check_file(
            path, site, as_of, new_report(), lambda read: on_progress("check", read, None)
        )
        for month in sorted(months):
            with engine.begin() as connection:  # one at a time: its lock keeps new months waiting
                ensure_partitions(connection, {month})
        with engine.begin() as connection:
            done = open_import(
                connection,
                import_id,
                file_name=path.name,
                site=site,
                as_of=as_of,
                checked=checked,
                spans=spans,
            )
    report, position = new_report(), done
    questions = reported(
        read_file(path, site, report, excerpts),
        report,
        lambda read: on_progress("store", read, checked.records),
    )
    for batch, reached in one_ahead(_batches(questions, report, after=done)):
        with engine.begin() as connection:
            store_batch(connection, batch)
            advance_import(connection, import_id, old_done=position, records_done=reached)
        position = reached
    descriptions = None
    if excerpts is not None and site is not None:
        descriptions = store_excerpts(engine, site, excerpts, as_of)
    history = None
    if history_path is not None and site is not None:
        history = import_tag_history(
            engine,
            history_path,
            site,
            import_id,
            lambda read: on_progress("history", read, None),
        )
    with engine.begin() as connection:
        advance_import(
            connection, import_id, old_done=position, records_done=checked.records, done=True
        )
    return ImportedFile(checked, resumed_after=done, descriptions=descriptions, history=history)


def _reports(as_of: datetime | None, max_bad_share: float) -> Callable[[], ReadReport]:
    """Return a function that makes the report of a pass over the file."""

    def new_report() -> ReadReport:
        # An export's date is a day: it may contain questions of that day
        latest = None if as_of is None else as_of + _ONE_DAY
        return ReadReport(max_bad_share=max_bad_share, latest=latest, fetched_at=as_of)

    return new_report


def _import_id(path: Path, site: str | None, as_of: datetime | None) -> str:
    """Return the hash of a file's content and of how it is read."""
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FixInputError(f"cannot read {path}: {error}") from error
    options = (path.suffix, site or "", as_of.isoformat() if as_of else "")
    return hashlib.sha256("\0".join((content, *options)).encode()).hexdigest()[:32]


def _batches(
    questions: Iterator[Question], report: ReadReport, after: int
) -> Iterator[tuple[QuestionBatch, int]]:
    """Yield batches, each with the number of records up to its end; skip the first records."""
    found: list[Question] = []
    for question in questions:
        if report.records <= after:
            continue
        found.append(question)
        if len(found) == BATCH:
            yield next(batches_of(found)), report.records
            found = []
    if found:
        yield next(batches_of(found)), report.records


def parse_day(text: str) -> datetime:
    """
    Return the moment of an ISO 8601 date or time, in UTC; ValueError if it is none.

    Examples
    --------
    >>> parse_day("2024-04-02T01:00+02:00").isoformat()
    '2024-04-01T23:00:00+00:00'
    """
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def describe_import(imported: ImportedFile) -> list[str]:
    """Return what people should know about an import besides the number of questions."""
    checked = imported.checked
    lines = [f"{count:,} {kind}" for kind, count in sorted(checked.repairs.items())]
    if checked.refused:
        lines.append(f"{checked.refused:,} questions refused and left out")
    if checked.repeated:
        lines.append(f"{checked.repeated:,} repeated ids: the later one counts")
    if imported.resumed_after:
        lines.append(f"resumed after {imported.resumed_after:,} of {checked.records:,} rows")
    if imported.descriptions is not None:
        lines += summarise_descriptions(imported.descriptions)
    if imported.history is not None:
        lines += summarise_history(imported.history)
    return lines
