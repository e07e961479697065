"""Whether a month of questions is stored completely: one rule for all who ask."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from include.jobs.ingestion.month_checks import (
    covered_until,
    is_covered,
    lost_questions,
    window_faults,
)
from include.months import month_range
from include.settings import Settings
from include.store.engine import process_engine
from include.store.imports import read_import_spans
from include.store.questions import questions_per_month
from include.store.windows import read_windows


def stored_completely(connection: Connection, site: str, month: str) -> bool | None:
    """
    Return whether all of a month's questions are stored, as far as anybody can say.

    That is so if its windows cover it, are finished and lost no question, or if the time that
    finished imports of files cover contains it. The month in which a dump ends is not complete.

    Parameters
    ----------
    connection : Connection
    site : str
        The API's name of the site.
    month : str
        ``YYYY-MM``.

    Returns
    -------
    bool or None
        None if neither a window nor an import touches the month: its questions, if any, were stored
        by something that leaves no record.
    """
    start, end = month_range(month)
    windows = read_windows(connection, site, start, end)
    if windows and not any(window_faults(windows, start, end)):
        return True
    spans = read_import_spans(connection, site, start, end)
    return is_covered(spans, start, end) if windows or spans else None


def stored_until(connection: Connection, site: str, month: str) -> datetime:
    """
    Return the time up to which every question of a month is stored, in any way.

    Parameters
    ----------
    connection : Connection
    site : str
        The API's name of the site.
    month : str
        ``YYYY-MM``; it may be open.

    Returns
    -------
    datetime
        UTC; from the month's start, if nothing is stored, to its end.
    """
    start, end = month_range(month)
    done = [
        (window.start, window.end)
        for window, stored in read_windows(connection, site, start, end)
        if window.done and not lost_questions(window, stored)
    ]
    spans = read_import_spans(connection, site, start, end)
    return min(covered_until(done, spans, start), end)


def month_is_stored(settings: Settings, month: str) -> bool:
    """Return whether a month is known to be stored completely."""
    engine = process_engine(settings.require_database_url())
    with engine.connect() as connection:
        return stored_completely(connection, settings.site, month) is True


def month_has_questions(settings: Settings, month: str) -> bool:
    """Return whether a month has any stored question."""
    engine = process_engine(settings.require_database_url())
    with engine.connect() as connection:
        return month in questions_per_month(connection, settings.site)


def how_to_fetch(month: str, now: datetime | None = None) -> str:
    """Return what to run to get a month's questions, for messages; ``now`` is aware."""
    end = month_range(month)[1]
    if end > (now or datetime.now(UTC)):
        return (
            f"it is not over; ingest_recent stores its days, and from {end:%Y-%m-%d} on "
            "ingest_questions reads it as a whole; choose an earlier month until then"
        )
    command = f"tagkeeper ingest --month {month}"
    return f"run `{command}`, or backfill ingest_questions"
