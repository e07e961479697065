"""
Ingestion of the open month, day by day: the steps of the DAG `ingest_recent`.

Only whole days are fetched, each as a window of its own, so that a second run finds nothing to do.
When the month is over, `ingest_questions` reads it again as a whole, with the tags as edited since;
only then is it complete.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from include.errors import CheckFailedError, FixInputError, RetryLaterError
from include.jobs.ingestion.completeness import stored_until
from include.jobs.ingestion.month_checks import is_covered, lost_questions, question_faults
from include.jobs.ingestion.month_ingest import MonthIngestion, planned_window, split_windows
from include.months import month_of, month_range
from include.settings import Settings
from include.store.imports import StoredSpan, read_import_spans
from include.store.windows import Window, count_faults, read_windows, requests_since

log = logging.getLogger(__name__)

QUOTA_PARTS: Final = 3
"""A day's pull may spend a third of the daily quota; the rest is for whole months."""
REQUESTS_WITH_KEY: Final = 10_000
REQUESTS_WITHOUT_KEY: Final = 300
_NEXT_DAY_S: Final = 3_600.0
"""If the site asks to wait for longer, the next day's run continues."""


class _RequestsSpentError(Exception):
    """Ends a fetch between two pages: what was fetched is stored, and the cursor with it."""


@dataclass(frozen=True)
class OpenMonthIngestion:
    """
    The steps of a day's ingestion, each safe to run again.

    Parameters
    ----------
    months : MonthIngestion
        With the database, the source and the site.
    max_requests : int
        Requests that the days of the open month may cost in one UTC day, >= 1.
    """

    months: MonthIngestion
    max_requests: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the database engine and the API client of the settings."""
        quota = REQUESTS_WITH_KEY if settings.stackexchange_key else REQUESTS_WITHOUT_KEY
        return cls(
            months=MonthIngestion.from_settings(settings),
            max_requests=settings.recent_requests_per_day or quota // QUOTA_PARTS,
        )

    def pull(self, until: datetime | None = None) -> dict[str, Any]:
        """
        Fetch the days of the open month that are over and not stored, oldest first.

        Days that a finished import covers are left out. If the day's requests are spent, the rest
        is left to the next day's run, which resumes at the cursor.

        Parameters
        ----------
        until : datetime, optional
            Aware; days up to the midnight before it (UTC), of its month. The current time if not
            given.

        Returns
        -------
        dict
            ``month``; ``questions`` of the days that this run finished, and its ``requests``;
            ``days_left``, the days that wait for the next run.

        Raises
        ------
        FixInputError
            If ``until`` is in the future.
        RetryLaterError
            If the site asks for a short wait, or another process is fetching the same day.
        """
        now = datetime.now(UTC)
        start, reached = open_range(until, now)
        month, site = month_of(start), self.months.site
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        with self.months.engine.connect() as connection:
            windows = [window for window, _ in read_windows(connection, site, start, reached)]
            spans = read_import_spans(connection, site, start, reached)
            spent = requests_since(connection, site, *month_range(month), since=today)
        days = missing_days(start, reached, windows, spans)
        earlier = {window.start: window.request_count for window in windows if not window.done}
        fetched = self._fetch(days, self.max_requests - spent, earlier)
        left = [f"{first:%Y-%m-%d}" for first, _ in days[fetched.done :]]
        if left:
            log.warning("%s: today's requests are spent, left to the next run: %s", month, left)
        return {
            "month": month,
            "questions": fetched.questions,
            "requests": fetched.requests,
            "days_left": left,
        }

    def check(self, until: datetime | None = None) -> dict[str, Any]:
        """
        Check the stored days of the open month as `MonthIngestion.check_month` checks a month.

        Returns
        -------
        dict
            ``month``; ``stored_until``, the time up to which every question is stored (ISO 8601);
            ``questions`` up to then.

        Raises
        ------
        CheckFailedError
            If questions of a finished day are lost, stored twice, without title or tag, or a busy
            month's first or last day is empty.
        """
        start, reached = open_range(until, datetime.now(UTC))
        month, site = month_of(start), self.months.site
        with self.months.engine.connect() as connection:
            stored = min(stored_until(connection, site, month), reached)
            windows = read_windows(connection, site, start, reached)
            counts = count_faults(connection, site, start, stored)
        faults = [fault for window, count in windows if (fault := lost_questions(window, count))]
        if stored > start:
            faults += question_faults(counts, days=max(1, (stored - start).days))
        if faults:
            raise CheckFailedError(f"open month {month} of {site}: " + "; ".join(faults))
        return {"month": month, "stored_until": stored.isoformat(), "questions": counts.questions}

    def _fetch(
        self,
        days: Sequence[tuple[datetime, datetime]],
        allowed: int,
        earlier: Mapping[datetime, int],
    ) -> DaysFetched:
        """Fetch days until all are done or the requests are spent; see `pull`."""
        questions = requests = 0
        for done, (first, last) in enumerate(days):
            budget = _DayBudget(allowed - requests, earlier.get(first, 0))
            if budget.allowed <= 0:
                return DaysFetched(done, questions, requests)
            try:
                window = planned_window(first, last)
                questions += self.months.fetch_window(window, budget.count)["questions"]
            except _RequestsSpentError:
                return DaysFetched(done, questions, requests + budget.requests)
            except RetryLaterError as error:
                if error.retry_after_s < _NEXT_DAY_S:
                    raise
                log.warning("%s; the next run continues", error)
                return DaysFetched(done, questions, requests + budget.requests)
            requests += budget.requests
        return DaysFetched(len(days), questions, requests)


@dataclass(frozen=True, slots=True)
class DaysFetched:
    """What a run fetched: the first ``done`` days, their questions, and all its requests."""

    done: int
    questions: int
    requests: int


@dataclass(slots=True)
class _DayBudget:
    """
    Counts the requests of a day's window, and ends its fetch when they are spent.

    Parameters
    ----------
    allowed : int
        Requests that it may make.
    earlier : int
        Requests that an interrupted fetch of the same window has made.
    """

    allowed: int
    earlier: int
    requests: int = 0

    def count(self, state: Window) -> None:
        """Count what the stored page has cost; raise if it was the last that may be fetched."""
        self.requests = state.request_count - self.earlier
        if self.requests >= self.allowed and state.resume_at < state.end:
            raise _RequestsSpentError


def open_range(until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """
    Return the start of the open month and the last midnight in it, UTC.

    Raises
    ------
    FixInputError
        If ``until`` is after ``now``.

    Examples
    --------
    >>> first, last = open_range(None, datetime(2024, 2, 15, 9, 30, tzinfo=UTC))
    >>> f"{first:%Y-%m-%d} {last:%Y-%m-%d %H:%M}"
    '2024-02-01 2024-02-15 00:00'
    """
    moment = until or now
    start = month_range(month_of(moment))[0]
    if moment > now:
        raise FixInputError(f"{moment:%Y-%m-%d} is in the future: nothing was asked up to it yet")
    return start, moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def missing_days(
    start: datetime, until: datetime, windows: Iterable[Window], spans: Sequence[StoredSpan]
) -> list[tuple[datetime, datetime]]:
    """
    Return the days of ``[start, until)`` that nothing has stored completely, oldest first.

    Parameters
    ----------
    start, until : datetime
        Midnights, UTC.
    windows : iterable of Window
        Of the API, that touch the range. A day of a longer window is left to `ingest_questions`.
    spans : sequence of StoredSpan
        Of imported files, by the start of their coverage.
    """
    known = [w for w in windows if w.done or w.end - w.start != timedelta(days=1)]
    return [
        (first, last)
        for first, last in split_windows(start, until, 1)
        if not any(w.start < last and w.end > first for w in known)
        and not is_covered(spans, first, last)
    ]
