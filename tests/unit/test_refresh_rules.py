"""When the champion is refreshed, and on which days the refreshed model is judged."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.evaluation.surge import surging_tags
from include.jobs.refresh.rules import (
    MIN_TEST_QUESTIONS,
    TEST_QUESTIONS,
    RefreshState,
    decide_refresh,
    first_test_day,
)

START = datetime(2024, 3, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number - 1)


def state(
    until: int,
    *,
    per_day: int = 100,
    attempted: int | None = None,
    new_tags: Mapping[str, int] | None = None,
) -> RefreshState:
    return RefreshState(
        learned_until=START,
        attempted_until=None if attempted is None else day(attempted),
        stored_until=day(until),
        questions_per_day={day(number): per_day for number in range(1, until)},
        new_tag_uses=new_tags or {},
    )


def test_champion_is_refreshed_a_week_after_it_learned():
    assert decide_refresh(state(7), 7).cause is None
    found = decide_refresh(state(8), 7)
    assert (found.cause, found.reason) == ("due", "Refresh after 7 days")
    assert found.test_from == day(5)  # four of seven days are learned before the test


def test_next_refresh_counts_from_the_last_attempt_so_that_a_rollback_stays():
    assert decide_refresh(state(12, attempted=8), 7).cause is None
    assert decide_refresh(state(15, attempted=8), 7).cause == "due"


def test_what_was_not_due_says_when_it_is():
    reason = decide_refresh(state(3), 7).reason
    assert reason == "No refresh: the next is due when the questions up to 2024-03-08 are stored."


def test_surge_of_new_tags_does_not_wait_for_the_week():
    found = decide_refresh(state(4, new_tags={"swiftui": 6, "combine": 3, "once": 1}), 7)
    assert (found.cause, found.reason) == (
        "surge", "Refresh on a surge of new tags (swiftui, combine)",
    )  # fmt: skip


def test_surge_counts_only_what_was_asked_since_the_last_attempt():
    tags = {"swiftui": 5}
    assert decide_refresh(state(10, attempted=8, new_tags=tags), 7).cause == "surge"
    assert decide_refresh(state(10, attempted=5, new_tags=tags), 7).cause is None


@pytest.mark.parametrize(
    ("uses", "questions", "expected"),
    [
        ({"a": 2, "b": 2}, 10, ()),  # each too rare
        ({"a": 3}, 150, ("a",)),
        ({"a": 3}, 151, ()),
        ({"b": 3, "a": 3, "c": 9}, 100, ("c", "a", "b")),
        ({}, 0, ()),
    ],
)
def test_tags_surge_by_three_uses_and_two_per_cent(uses, questions, expected):
    assert surging_tags(uses, questions) == expected


def test_refresh_waits_until_half_of_the_days_hold_enough_questions():
    waiting = decide_refresh(state(8, per_day=9), 7)
    assert (waiting.cause, waiting.test_from) == (None, None)
    assert waiting.reason.startswith("The refresh waits: 63 questions from 2024-03-01 on")
    assert decide_refresh(state(8, per_day=10), 7).cause == "due"


def test_no_interval_refreshes_only_on_request():
    tags = {"swiftui": 50}
    assert decide_refresh(state(29, new_tags=tags), 0).cause is None
    assert decide_refresh(state(3), 0, requested=True).cause == "requested"


def test_request_does_not_wait_for_the_days_after_the_last_attempt():
    assert decide_refresh(state(8, attempted=8), 7, requested=True).cause == "requested"
    assert decide_refresh(state(8, attempted=8), 7).reason == (
        "No refresh: nothing is stored that was asked from 2024-03-08 on."
    )


@given(st.lists(st.integers(0, 700), min_size=1, max_size=40))
def test_test_is_as_short_as_it_can_be_and_leaves_half_of_the_days_to_learn(counts):
    days = {START + timedelta(days=i): count for i, count in enumerate(counts)}
    until = START + timedelta(days=len(counts))
    first = first_test_day(days, START, until)
    half = counts[len(counts) - len(counts) // 2 :]
    if first is None:
        assert sum(half) < MIN_TEST_QUESTIONS
        return
    tested = counts[(first - START).days :]
    assert 1 <= len(tested) <= len(counts) // 2
    assert sum(tested) >= MIN_TEST_QUESTIONS
    assert len(tested) == len(half) or sum(tested) >= TEST_QUESTIONS
    assert sum(tested[1:]) < TEST_QUESTIONS
