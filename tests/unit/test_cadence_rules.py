"""The benchmark of refits uses only what was known, and counts days as it says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.candidates.catalogue import make_candidate
from include.months import month_range
from include.text.prepare import prepare
from include.text.prepared import LabelledTexts
from tests.benchmarks.cadence_rules import (
    LABEL_DELAY,
    Rule,
    days_to_suggestion,
    event_tag,
    fits_of,
    median_days,
    new_tags,
    replay,
)
from tests.benchmarks.drift_loop import no_encoder

WEEKLY = Rule(timedelta(days=7), 1)
MONTHLY = Rule(None, 1)


def questions(days: Sequence[int], tags: Sequence[str]) -> LabelledTexts:
    """Return one question a day given, counted from 1 January 2024, each with one tag."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return LabelledTexts(
        tuple(prepare("How to mount a volume", "<p>A volume in a container.</p>") for _ in days),
        tuple((tag,) for tag in tags),
        tuple(start + timedelta(days=day) for day in days),
    )


def frequency() -> Any:
    return make_candidate("frequency", None, no_encoder)


@pytest.mark.parametrize("rule", [WEEKLY, MONTHLY])
def test_fits_cover_the_month_without_gaps(rule: Rule) -> None:
    fits = fits_of(rule, "2024-02")
    edges = [fits[0].start, *(fit.end for fit in fits)]

    assert (edges[0], edges[-1]) == month_range("2024-02")
    assert [fit.start for fit in fits[1:]] == edges[1:-1]


def test_weekly_fit_learns_nothing_of_the_last_two_days() -> None:
    assert all(fit.known == fit.start - LABEL_DELAY for fit in fits_of(WEEKLY, "2024-02"))


def test_tag_of_the_open_month_is_suggested_after_the_next_weekly_fit_only() -> None:
    data = questions([0, 10, 32, 33, 40, 55], ["old", "old", "new", "new", "new", "new"])

    weekly = replay(data, ["2024-02"], WEEKLY, frequency)
    monthly = replay(data, ["2024-02"], MONTHLY, frequency)

    assert weekly.suggested["new"] == data.asked_at[4]
    assert "new" not in monthly.suggested


def test_every_question_of_a_month_is_scored_once() -> None:
    data = questions([0, 10, 31, 37, 38, 39, 59], ["old"] * 7)

    assert len(replay(data, ["2024-02"], WEEKLY, frequency).scores["2024-02"]) == 5


def test_tag_used_before_the_tested_months_is_not_new() -> None:
    data = questions([0, 32, 33, 34], ["old", "old", "new", "new"])

    assert list(new_tags(data, ["2024-02"], min_uses=1)) == ["new"]


def test_median_is_none_if_half_of_the_tags_are_never_suggested() -> None:
    asked = {tag: datetime(2024, 1, 1, tzinfo=UTC) for tag in "abc"}
    one_day_later = datetime(2024, 1, 2, tzinfo=UTC)

    assert median_days(days_to_suggestion(asked, {"a": one_day_later})) is None
    assert median_days(days_to_suggestion(asked, dict.fromkeys("ab", one_day_later))) == 1.0


def test_event_is_the_most_used_tag_that_was_too_rare_before() -> None:
    data = questions([0, 1, 2, 32, 33, 34, 35], ["old", "old", "new", "old", "old", "new", "x"])

    assert event_tag(data, "2024-02", min_tag_count=2) == "new"
