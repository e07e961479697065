"""Ingestion of one month of questions: the steps of the DAG `ingest_questions`."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from sqlalchemy import Engine

from include.errors import CheckFailedError, FixInputError
from include.jobs.ingestion.completeness import stored_completely
from include.jobs.ingestion.month_checks import question_faults, window_faults, window_label
from include.months import add_months, month_of, month_range, months_between
from include.questions import Question, first_fetched_at
from include.settings import Settings
from include.sources.api_pages import Page
from include.sources.stackexchange_api import StackExchangeClient
from include.store.engine import process_engine
from include.store.questions import questions_per_month, upsert_questions
from include.store.windows import (
    Window,
    advance_window,
    count_faults,
    drop_other_windows,
    open_window,
    read_windows,
)
from include.task_results import TaskResult

log = logging.getLogger(__name__)


class QuestionSource(Protocol):
    """Where questions come from; `StackExchangeClient`, or a test's recorded pages."""

    def pages(self, start: datetime, end: datetime) -> Iterator[Page]:
        """Yield the pages of ``[start, end)``; questions before a page's cursor are complete."""

    def latest_asked_at(self) -> datetime | None:
        """Return when the newest question was asked, aware; None if there is none."""


class QuestionsAhead:
    """
    Fetched questions that the cursor has not passed.

    A page's cursor may be before its last questions. A resumed fetch gets those again, so that each
    is counted when the cursor has passed it.
    """

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def passed_by(self, page: Page) -> list[Question]:
        """Add a page's questions, and remove and return those that its cursor has passed."""
        fetched = [*self.questions, *page.questions]
        self.questions = [question for question in fetched if question.asked_at >= page.cursor]
        return [question for question in fetched if question.asked_at < page.cursor]


def api_client(settings: Settings) -> StackExchangeClient:
    """Return the client of the settings' site."""
    key = settings.stackexchange_key
    return StackExchangeClient(
        api_url=settings.stackexchange_api_url,
        site=settings.site,
        key=key.get_secret_value() if key else None,
        quota_reserve=settings.api_quota_reserve,
        requests_per_s=settings.api_requests_per_s,
        max_bad_share=settings.max_bad_share,
    )


@dataclass(frozen=True, slots=True)
class PlannedWindow(TaskResult):
    """
    Days that one task fetches.

    Parameters
    ----------
    start, end : str
        ISO 8601, half-open, aware.
    label : str
        The days, for people.
    """

    start: str
    end: str
    label: str

    @property
    def range(self) -> tuple[datetime, datetime]:
        """Start and end as times."""
        return datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)


@dataclass(frozen=True)
class MonthIngestion:
    """
    The steps of one month's ingestion, each safe to run again.

    Parameters
    ----------
    engine : Engine
        The platform's database.
    source : QuestionSource
        Fetched one window after another.
    site : str
        The API's name of the site.
    window_days : int, default=8
        Days per window, 1..31: few enough that edits do not shift pages.
    """

    engine: Engine
    source: QuestionSource
    site: str
    window_days: int = 8

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the database engine and the API client of the settings."""
        return cls(
            engine=process_engine(settings.require_database_url()),
            source=api_client(settings),
            site=settings.site,
            window_days=settings.ingest_window_days,
        )

    def latest_missing_month(self, now: datetime | None = None) -> str | None:
        """
        Return the latest month that is over, has questions at the source and is not stored.

        Only the month of the newest question is looked at if nothing is stored; otherwise those
        back to the first stored month.

        Parameters
        ----------
        now : datetime, optional
            Aware; the current time if not given.

        Returns
        -------
        str or None
            ``YYYY-MM``; None if no month is missing.

        Raises
        ------
        FixInputError
            If the source has no questions.
        """
        newest = self.source.latest_asked_at()
        if newest is None:
            raise FixInputError(f"the site {self.site} has no questions: is SITE right?")
        last_over = add_months(month_of(now or datetime.now(UTC)), -1)
        last = min(month_of(newest), last_over)
        with self.engine.connect() as connection:
            counts = questions_per_month(connection, self.site)
            for month in reversed(months_between(min([*counts, last]), last)):
                complete = stored_completely(connection, self.site, month)
                # Without a record of how they came, questions count as stored
                if complete is False or (complete is None and month not in counts):
                    return month
        return None

    def plan_windows(self, month: str, now: datetime | None = None) -> list[PlannedWindow]:
        """
        Split a month into windows; drop those of an earlier plan with other boundaries.

        Parameters
        ----------
        month : str
            ``YYYY-MM``; must be over, because a partly fetched month would count as complete.
        now : datetime, optional
            Aware; the current time if not given.

        Returns
        -------
        list of PlannedWindow
            In order, without gaps.

        Raises
        ------
        FixInputError
            If the month is not over yet.
        """
        start, end = month_range(month)
        if end > (now or datetime.now(UTC)):
            raise FixInputError(
                f"month {month} is not over: it can be ingested from {end:%Y-%m-%d} 00:00 UTC on"
            )
        windows = split_windows(start, end, self.window_days)
        with self.engine.begin() as connection:
            drop_other_windows(connection, self.site, start, end, windows)
        return [planned_window(first, last) for first, last in windows]

    def fetch_window(
        self, window: PlannedWindow, on_page: Callable[[Window], None] | None = None
    ) -> dict[str, Any]:
        """
        Fetch one planned window and store it page by page.

        A page and the window's cursor are stored in one transaction, so that an interrupted fetch
        resumes where it stopped and counts no question twice. A finished window is fetched again
        completely: edited questions are updated, changed tags become the settled ones.

        Parameters
        ----------
        window : PlannedWindow
            One of `plan_windows`.
        on_page : callable, optional
            Called with the window's state after each stored page.

        Returns
        -------
        dict
            ``label``, ``questions`` and ``requests`` of this pass, ``quota_left``.

        Raises
        ------
        RetryLaterError
            If the site asks to wait, the day's quota is at its reserve, or another process is
            fetching the same window. Stored pages are kept.
        FixSettingsError
            If the API refuses the key or has no such site.
        """
        state, counted = self._open(window), 0
        ahead = QuestionsAhead()
        for page in self.source.pages(state.resume_at, state.end):
            behind, read_from = len(ahead.passed_by(page)), first_fetched_at(page.questions)
            with self.engine.begin() as connection:
                upsert_questions(connection, page.questions)
                state = advance_window(
                    connection,
                    state,
                    cursor=page.cursor,
                    fetched=behind,
                    requests=page.requests,
                    quota_left=page.quota_left,
                    read_from=read_from,
                )
            counted += behind
            if on_page:
                on_page(state)
        with self.engine.begin() as connection:
            state = advance_window(
                connection, state, cursor=state.end, fetched=len(ahead.questions), done=True
            )
        log.info("%s: %d questions fetched", window.label, state.fetched_count)
        return {
            "label": window.label,
            "questions": state.fetched_count,
            "requests": state.request_count,
            "quota_left": state.quota_left,
        }

    def check_month(self, month: str) -> dict[str, Any]:
        """
        Check the stored questions of a month against its windows and for required fields.

        Returns
        -------
        dict
            ``month``; ``questions`` stored; ``requests`` made; ``gone``, questions stored by an
            earlier fetch that the site no longer has; ``retagged``, questions with settled tags.

        Raises
        ------
        CheckFailedError
            If a window is missing or unfinished, fewer questions are stored than were fetched, one
            is stored twice, has an empty title or no tag, or a busy month's first or last day is
            empty. The message names the month and every number.
        """
        start, end = month_range(month)
        with self.engine.connect() as connection:
            windows = read_windows(connection, self.site, start, end)
            counts = count_faults(connection, self.site, start, end)
        faults = [
            *window_faults(windows, start, end),
            *question_faults(counts, days=(end - start).days),
        ]
        if faults:
            raise CheckFailedError(f"month {month} of {self.site}: " + "; ".join(faults))
        if not counts.questions:
            log.warning("month %s of %s has no questions", month, self.site)
        return {
            "month": month,
            "questions": counts.questions,
            "requests": sum(window.request_count for window, _ in windows),
            "gone": sum(stored - window.fetched_count for window, stored in windows),
            "retagged": counts.retagged,
        }

    def _open(self, window: PlannedWindow) -> Window:
        with self.engine.begin() as connection:
            return open_window(connection, self.site, *window.range)


def planned_window(start: datetime, end: datetime) -> PlannedWindow:
    """Return the plan of ``[start, end)``, aware times."""
    return PlannedWindow(start.isoformat(), end.isoformat(), window_label(start, end))


def split_windows(start: datetime, end: datetime, days: int) -> list[tuple[datetime, datetime]]:
    """
    Split ``[start, end)`` into windows of ``days`` days; the last one may be shorter.

    Examples
    --------
    >>> [f"{a:%d}-{b:%d}" for a, b in split_windows(datetime(2024, 2, 1), datetime(2024, 3, 1), 10)]
    ['01-11', '11-21', '21-01']
    """
    step, windows = timedelta(days=days), []
    while start < end:
        windows.append((start, min(start + step, end)))
        start += step
    return windows
