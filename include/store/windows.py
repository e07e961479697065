"""Progress of fetch windows: parts of a month, the unit of fetching, resuming and checking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from include.errors import RetryLaterError
from include.store.queries import query


@dataclass(frozen=True, slots=True)
class Window:
    """
    A stored fetch window of a site's month.

    Parameters
    ----------
    site : str
        The API's name of the site.
    start, end : datetime
        The half-open range ``[start, end)``, aware, UTC.
    cursor : datetime or None
        All questions before it are stored; None before the first page.
    done : bool
        Whether the last pass reached the end.
    fetched_count : int
        Distinct questions before the cursor that this pass fetched.
    request_count : int
        Requests of this pass.
    quota_left : int or None
        Remaining requests of the day, as last reported by the source.
    """

    site: str
    start: datetime
    end: datetime
    cursor: datetime | None
    done: bool
    fetched_count: int
    request_count: int
    quota_left: int | None

    @property
    def resume_at(self) -> datetime:
        """Where fetching resumes."""
        return self.cursor or self.start


@dataclass(frozen=True, slots=True)
class QuestionFaults:
    """Counts over a month's stored questions; see ``sql/queries/question_faults.sql``."""

    questions: int
    duplicates: int
    empty_titles: int
    untagged: int
    retagged: int
    first_day: int
    last_day: int


def open_window(connection: Connection, site: str, start: datetime, end: datetime) -> Window:
    """
    Open the window for fetching.

    A new window starts at its beginning, an unfinished one resumes at its cursor. A finished one is
    fetched again from its beginning, so that edits and settled tags are stored.
    """
    row = connection.execute(query("open_window"), {"site": site, "start": start, "end": end}).one()
    return _window(site, row)


def advance_window(
    connection: Connection,
    window: Window,
    *,
    cursor: datetime,
    fetched: int,
    requests: int = 0,
    quota_left: int | None = None,
    read_from: datetime | None = None,
    done: bool = False,
) -> Window:
    """
    Move the window's cursor in the transaction that stores the page; return the window after it.

    ``read_from`` is when the page was fetched, None for one without questions: the earliest of a
    pass is how old its tags are at least.

    Raises
    ------
    RetryLaterError
        If another process has moved the cursor: two are fetching the same window.
    """
    binds = {
        "site": window.site,
        "start": window.start,
        "end": window.end,
        "old_cursor": window.cursor,
        "cursor": cursor,
        "state": "done" if done else "open",
        "fetched": fetched,
        "requests": requests,
        "quota_left": quota_left,
        "read_from": read_from,
    }
    row = connection.execute(query("advance_window"), binds).one_or_none()
    if row is None:
        raise RetryLaterError(
            f"another process is fetching {window.site} from {window.start} to {window.end}; "
            "this one stops; a later try resumes where that one ends"
        )
    return _window(window.site, row)


def drop_other_windows(
    connection: Connection,
    site: str,
    start: datetime,
    end: datetime,
    planned: Sequence[tuple[datetime, datetime]],
) -> int:
    """Delete the windows in ``[start, end)`` that are not planned; return how many there were."""
    result = connection.execute(
        query("drop_other_windows"),
        {
            "site": site,
            "start": start,
            "end": end,
            "starts": [window_start for window_start, _ in planned],
            "ends": [window_end for _, window_end in planned],
        },
    )
    return result.rowcount


def read_windows(
    connection: Connection, site: str, start: datetime, end: datetime
) -> list[tuple[Window, int]]:
    """Return the windows that touch ``[start, end)``, in order, each with its stored questions."""
    rows = connection.execute(query("windows_between"), {"site": site, "start": start, "end": end})
    return [(_window(site, row), row.stored_count) for row in rows]


def requests_since(
    connection: Connection, site: str, start: datetime, end: datetime, *, since: datetime
) -> int:
    """Return the requests of the windows within ``[start, end)`` that were written since then."""
    binds = {"site": site, "start": start, "end": end, "since": since}
    return int(connection.execute(query("requests_since"), binds).scalar_one())


def count_faults(
    connection: Connection, site: str, start: datetime, end: datetime
) -> QuestionFaults:
    """Return the counts for the data checks of ``[start, end)``."""
    row = connection.execute(
        query("question_faults"), {"site": site, "start": start, "end": end}
    ).one()
    return QuestionFaults(**row._mapping)


def _window(site: str, row: Row[Any]) -> Window:
    return Window(
        site=site,
        start=row.window_start,
        end=row.window_end,
        cursor=row.cursor,
        done=row.state == "done",
        fetched_count=row.fetched_count,
        request_count=row.request_count,
        quota_left=row.quota_left,
    )
