"""Checks of an ingested month. Pure: counts in, messages out."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from include.store.imports import StoredSpan
from include.store.windows import QuestionFaults, Window

BUSY_DAY: Final = 30
"""Mean questions a day from which an empty first or last day means that data is missing.

A day with a mean of 30 is empty by chance once in 10^13."""


def window_label(start: datetime, end: datetime) -> str:
    """Return the days of a window, both included: ``2024-01-01 to 2024-01-08``."""
    return f"{start:%Y-%m-%d} to {end - timedelta(seconds=1):%Y-%m-%d}"


def window_faults(
    windows: Sequence[tuple[Window, int]], start: datetime, end: datetime
) -> Iterator[str]:
    """Yield what is wrong with a month's windows: gaps, unfinished ones, lost questions."""
    reached = start
    for window, stored in windows:
        if window.start != reached:
            yield f"no window covers {reached:%Y-%m-%d %H:%M} to {window.start:%Y-%m-%d %H:%M}"
        reached = window.end
        if not window.done:
            label = window_label(window.start, window.end)
            yield f"window {label} was fetched only up to {window.resume_at:%Y-%m-%d %H:%M:%S}"
        elif fault := lost_questions(window, stored):
            yield fault
    if reached != end:
        yield f"no window covers {reached:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def lost_questions(window: Window, stored: int) -> str:
    """Return a message if a finished window has lost questions, else the empty string."""
    if not window.done or stored >= window.fetched_count:
        return ""
    label = window_label(window.start, window.end)
    return f"window {label} fetched {window.fetched_count} questions but {stored} are stored"


def question_faults(counts: QuestionFaults, days: int) -> Iterator[str]:
    """Yield what is wrong with a month's stored questions."""
    if counts.duplicates:
        yield f"{counts.duplicates} questions are stored at two times"
    if counts.empty_titles:
        yield f"{counts.empty_titles} questions have an empty title"
    if counts.untagged:
        yield f"{counts.untagged} questions have no tag"
    if counts.questions >= BUSY_DAY * days:
        for day, count in (("first", counts.first_day), ("last", counts.last_day)):
            if not count:
                yield (
                    f"0 questions on the {day} day, though the month has "
                    f"{counts.questions / days:.0f} a day"
                )


def is_covered(spans: Iterable[StoredSpan], start: datetime, end: datetime) -> bool:
    """
    Return whether finished imports together cover ``[start, end)``.

    Parameters
    ----------
    spans : iterable of StoredSpan
        By the start of their coverage.
    start, end : datetime
        Aware.

    Examples
    --------
    >>> january, middle, march = datetime(2024, 1, 1), datetime(2024, 1, 20), datetime(2024, 3, 1)
    >>> halves = [StoredSpan(january, middle, True), StoredSpan(middle, march, True)]
    >>> is_covered(halves, january, march), is_covered(halves[1:], january, march)
    (True, False)
    """
    return covered_until((), spans, start) >= end


def covered_until(
    done: Iterable[tuple[datetime, datetime]], spans: Iterable[StoredSpan], start: datetime
) -> datetime:
    """
    Return the time up to which fetched ranges and finished imports cover everything from ``start``.

    Parameters
    ----------
    done : iterable of (datetime, datetime)
        Half-open ranges that were fetched completely, aware.
    spans : iterable of StoredSpan
    start : datetime
        Aware.

    Examples
    --------
    >>> first, second, fourth = (datetime(2024, 1, day) for day in (1, 2, 4))
    >>> covered_until([(first, second), (fourth, fourth)], [], first).day
    2
    """
    imported = [
        (span.covered_from, span.covered_until)
        for span in spans
        if span.done and span.covered_from and span.covered_until
    ]
    reached = start
    for first, last in sorted([*done, *imported]):
        if first <= reached:
            reached = max(reached, last)
    return reached
