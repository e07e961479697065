"""Whether a month of questions is stored completely: one rule for all who ask."""

from sqlalchemy import Connection

from include.jobs.ingestion.month_checks import window_faults
from include.months import month_range
from include.store.windows import read_windows


def fetched_completely(connection: Connection, site: str, month: str) -> bool | None:
    """
    Return whether a month's windows cover it, are finished and lost no question.

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
        None if the month was never fetched in windows: questions of a dump have none, and nobody
        can say whether they are all.
    """
    start, end = month_range(month)
    windows = read_windows(connection, site, start, end)
    return not any(window_faults(windows, start, end)) if windows else None


def how_to_fetch(month: str) -> str:
    """Return what to run to get a month's questions, for messages."""
    command = f"python -m include.jobs.ingestion.ingest --month {month}"
    return f"run `{command}`, or backfill ingest_questions"
