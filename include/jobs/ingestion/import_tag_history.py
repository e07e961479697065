"""
First tags from a dump's history of tags, and how well they agree with those of the dump.

What `ingest_recent` reads of a live site a day or two after a question, the history says of every
question of the dump; the dump's own tags are the settled ones. So the agreement of first and
settled tags is known for all of a site's months at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from include.jobs.ingestion.settled_labels import SETTLED_DAYS
from include.months import month_range
from include.sources.byte_chunks import find_dump_table
from include.sources.files import is_dump
from include.sources.tag_history import HISTORY_FILE, HistoryReport, read_tag_history
from include.store.imports import import_coverage
from include.store.label_readings import LabelAgreement, read_label_agreements
from include.store.questions import questions_per_month
from include.store.tag_history import (
    add_tag_revisions,
    create_tag_revisions,
    drop_tag_revisions,
    index_tag_revisions,
    record_agreement,
    store_first_tags,
)

log = logging.getLogger(__name__)

FIRST_DAYS: Final = 2
"""Age of the tags that count as first ones: by then `ingest_recent` has usually read them."""
_BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class ImportedHistory:
    """
    The result of reading a history.

    Parameters
    ----------
    report : HistoryReport
        What was read.
    questions : int
        Questions whose first tags are known now and were not before.
    agreements : tuple of LabelAgreement
        Of the months that the dump covers and whose tags had settled, oldest first.
    """

    report: HistoryReport
    questions: int
    agreements: tuple[LabelAgreement, ...]


def dump_history(path: Path) -> Path | None:
    """Return where the history of a dump's tags is; None for other files and without one."""
    return find_dump_table(path, HISTORY_FILE) if is_dump(path) else None


def import_tag_history(
    engine: Engine,
    path: Path,
    site: str,
    import_id: str,
    on_read: Callable[[int], None] = lambda _: None,
) -> ImportedHistory:
    """
    Store the first tags of a dump's questions, and the agreement of each month; safe to run again.

    The history is streamed into a temporary table of PostgreSQL, as a question's edits stand far
    apart in it; months are then changed one at a time. Only months are looked at of which the dump
    covers all, up to `SETTLED_DAYS` after their end.

    Parameters
    ----------
    engine : Engine
        On a migrated database, in which the dump's questions are stored.
    path : Path
        ``PostHistory.xml``, or the archive with it.
    site : str
    import_id : str
        Of the dump's import, whose coverage is recorded.
    on_read : callable, optional
        Called with the number of rows read so far, now and then.

    Raises
    ------
    FixInputError
        If the file is broken or another table; no tags are changed then.
    """
    report = HistoryReport()
    with engine.connect() as connection:
        coverage = import_coverage(connection, import_id, site)
        stored = questions_per_month(connection, site)
    if coverage is None:
        return ImportedHistory(report, 0, ())
    covered_from, covered_until = coverage
    months = [
        month
        for month in stored
        if month_range(month)[0] >= covered_from
        and month_range(month)[1] + timedelta(days=SETTLED_DAYS) <= covered_until
    ]
    count = 0
    with engine.connect() as connection:  # one connection: the temporary table is its own
        create_tag_revisions(connection)
        connection.commit()
        try:
            revisions, position = read_tag_history(path, report), 0
            while batch := list(islice(revisions, _BATCH)):
                add_tag_revisions(connection, batch, position)
                connection.commit()
                position += len(batch)
                on_read(report.rows)
            index_tag_revisions(connection)
            connection.commit()
            for month in months:
                count += store_first_tags(connection, site, month, FIRST_DAYS)
                record_agreement(
                    connection, site, month, read_at=covered_until, import_id=import_id
                )
                connection.commit()
        finally:
            connection.rollback()
            drop_tag_revisions(connection)
            connection.commit()
        agreements = read_label_agreements(connection, site)
    on_read(report.rows)
    log.info("%s: first tags of %d questions from %s", site, count, path.name)
    known = tuple(found for found in agreements if found.month in set(months))
    return ImportedHistory(report, count, known)


def summarise_history(imported: ImportedHistory) -> list[str]:
    """Return what people should know about a history, one sentence each."""
    report = imported.report
    lines = [
        f"{report.revisions:,} lists of tags read from the history: first tags of "
        f"{imported.questions:,} questions are new"
    ]
    if report.unreadable:
        lines.append(f"{report.unreadable:,} lists of tags of the history left out: not readable")
    scored = [found for found in imported.agreements if found.mean_f1 is not None]
    if scored:
        compared = sum(found.compared_count for found in scored)
        changed = sum(found.changed_count for found in scored) / compared
        mean = sum((found.mean_f1 or 0.0) * found.compared_count for found in scored) / compared
        lines.append(
            f"first and settled tags of {compared:,} questions in {len(scored)} months agree with "
            f"a mean F1 of {mean:.4f}; {changed:.2%} have other tags (tagkeeper's metrics have it "
            "by month)"
        )
    return lines
