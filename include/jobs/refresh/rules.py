"""When the champion is refreshed, and on which days the refreshed model is judged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from include.evaluation.surge import FALSE_SURGES_PER_YEAR, PastSpan, surging_tags

RefreshCause = Literal["due", "surge", "requested"]

TEST_QUESTIONS: Final = 500
"""Enough to judge on: more days would only be missing in the model that is judged."""
MIN_TEST_QUESTIONS: Final = 30
"""Fewer can show no loss."""


@dataclass(frozen=True, slots=True)
class RefreshState:
    """
    What the champion has learned, and what was asked since.

    All moments are aware midnights, UTC.

    Parameters
    ----------
    learned_until : datetime
        The champion has learned from the questions before it.
    attempted_until : datetime or None
        Up to which the last refresh went, promoted or not.
    stored_until : datetime
        Every question asked before it is stored.
    questions_per_day : mapping of datetime to int
        Tagged questions from ``learned_until`` to ``stored_until``, by the start of the day; days
        without any may be missing.
    new_tag_uses : mapping of str to int
        Uses, since the later of ``learned_until`` and ``attempted_until``, of tags that the
        champion cannot suggest.
    past : sequence of PastSpan
        Earlier spans as long as the time since then; what is usual.
    false_surges_per_year : float
        Accepted.
    """

    learned_until: datetime
    attempted_until: datetime | None
    stored_until: datetime
    questions_per_day: Mapping[datetime, int]
    new_tag_uses: Mapping[str, int]
    past: Sequence[PastSpan] = ()
    false_surges_per_year: float = FALSE_SURGES_PER_YEAR

    @property
    def last_try(self) -> datetime:
        """
        The later of ``learned_until`` and ``attempted_until``.

        Counting from an attempt keeps a rollback, or a refusal, for as long as any version.
        """
        return last_try(self.learned_until, self.attempted_until)

    @property
    def surging_tags(self) -> tuple[str, ...]:
        """New tags that make a surge together, most used first; empty if there is none."""
        asked = sum(n for day, n in self.questions_per_day.items() if day >= self.last_try)
        return surging_tags(
            self.new_tag_uses, asked, self.past, false_per_year=self.false_surges_per_year
        )


def last_try(learned_until: datetime, attempted_until: datetime | None) -> datetime:
    """Return the later of both; what the model has learned, if none was attempted."""
    return max(learned_until, attempted_until or learned_until)


@dataclass(frozen=True, slots=True)
class RefreshDecision:
    """
    Whether to refresh now.

    Parameters
    ----------
    cause : {"due", "surge", "requested"} or None
        None if nothing is to be done.
    reason : str
        One sentence for people.
    test_from : datetime or None
        First day of the test, which ends with ``stored_until``; None without a cause.
    """

    cause: RefreshCause | None
    reason: str
    test_from: datetime | None = None


def decide_refresh(
    state: RefreshState, interval_days: int, *, requested: bool = False
) -> RefreshDecision:
    """
    Decide whether the champion is refreshed now.

    It is due ``interval_days`` after it last learned or was last tried, and before that as soon as
    new tags surge. It waits until the days that neither model has learned hold enough questions to
    judge on.

    Parameters
    ----------
    state : RefreshState
    interval_days : int
        ``REFRESH_DAYS``, >= 0; 0 for none but those that are requested.
    requested : bool, default=False
        Somebody asks for one now.
    """
    since = state.learned_until if requested else state.last_try
    if not interval_days and not requested:
        return RefreshDecision(None, "No refresh: REFRESH_DAYS is 0.")
    if state.stored_until <= since:
        return RefreshDecision(
            None, f"No refresh: nothing is stored that was asked from {since:%Y-%m-%d} on."
        )
    cause, reason = _cause(state, interval_days, requested)
    if cause is None:
        return RefreshDecision(None, reason)
    test_from = first_test_day(state.questions_per_day, state.learned_until, state.stored_until)
    if test_from is None:
        count = sum(state.questions_per_day.values())
        return RefreshDecision(
            None,
            f"The refresh waits: {count} questions from {state.learned_until:%Y-%m-%d} on are too "
            f"few to judge on (half of the days must hold {MIN_TEST_QUESTIONS}).",
        )
    return RefreshDecision(cause, reason, test_from)


def _cause(
    state: RefreshState, interval_days: int, requested: bool
) -> tuple[RefreshCause | None, str]:
    due = state.last_try + timedelta(days=interval_days)
    if requested:
        return "requested", "Refresh on request"
    if surging := state.surging_tags:
        return "surge", f"Refresh on a surge of new tags ({', '.join(surging[:5])})"
    if state.stored_until >= due:
        return "due", f"Refresh after {(state.stored_until - state.last_try).days} days"
    return None, f"No refresh: the next is due when the questions up to {due:%Y-%m-%d} are stored."


def first_test_day(
    questions_per_day: Mapping[datetime, int], since: datetime, until: datetime
) -> datetime | None:
    """
    Return the first day on which a refreshed model is judged; None if there are too few questions.

    These are the last days that hold `TEST_QUESTIONS`, but at most half of the unseen days: the
    judged model learns from the others, and would know nothing new without them.

    Parameters
    ----------
    questions_per_day : mapping of datetime to int
    since, until : datetime
        The unseen days, half-open, midnights.

    Examples
    --------
    >>> days = {datetime(2024, 3, day): 60 for day in range(1, 31)}
    >>> first_test_day(days, datetime(2024, 3, 1), datetime(2024, 3, 31)).day
    22
    >>> first_test_day(days, datetime(2024, 3, 1), datetime(2024, 3, 8)).day
    5
    >>> first_test_day(days, datetime(2024, 3, 1), datetime(2024, 3, 2)) is None
    True
    """
    start, count = until, 0
    for _ in range((until - since).days // 2):
        start -= timedelta(days=1)
        count += questions_per_day.get(start, 0)
        if count >= TEST_QUESTIONS:
            break
    return start if count >= MIN_TEST_QUESTIONS else None
