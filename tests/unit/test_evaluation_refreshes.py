"""When a model is refreshed within a month, and its curve beside monthly training."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.evaluation.metrics import QuestionScores
from include.evaluation.refreshes import (
    RefreshedMonth,
    refresh_curve,
    surge_refreshes,
    weekly_refreshes,
)
from include.months import add_months, month_range, months_between
from tests.benchmarks.simulated_years import monthly_changes, refreshed_months


def scores(hits: int, questions: int = 100) -> QuestionScores:
    """Questions of one tag each, found first for some of them."""
    found = np.zeros((questions, 5), dtype=bool)
    found[:hits, 0] = True
    ones = np.ones(questions, dtype=np.int64)
    return QuestionScores(found, ones, ones)


@given(st.integers(0, 400))
def test_weekly_refreshes_are_seven_days_apart_and_within_the_month(count):
    start, end = month_range(add_months("2000-01", count))
    times = weekly_refreshes(f"{start:%Y-%m}")
    assert times[0] == start + timedelta(days=7)
    assert end - timedelta(days=7) <= times[-1] < end
    assert all(later - earlier == timedelta(days=7) for earlier, later in pairwise(times))


def surges(*days: tuple[int, str]) -> list[int]:
    """Return the days of February 2024 on which a model that knows the tag ``old`` is refreshed."""
    asked_at = [datetime(2024, 2, day, 12, tzinfo=UTC) for day, _ in days]
    found = surge_refreshes("2024-02", asked_at, [(tag,) for _, tag in days], {"old"})
    return [at.day for at in found]


def test_surge_is_answered_when_the_tags_of_its_third_question_are_known():
    assert surges((1, "old"), (2, "new"), (3, "new"), (4, "new"), (9, "old")) == [7]


def test_tag_that_was_learned_surges_no_more_and_another_may():
    days = [(day, "new") for day in range(1, 10)] + [(day, "newer") for day in range(12, 20)]
    first, second = surges(*days)
    assert first == 6
    assert second > 14


def test_known_tags_and_few_uses_are_no_surge():
    assert surges(*((day, "old") for day in range(1, 29))) == []
    assert surges((1, "new"), (2, "new"), (3, "old")) == []


def test_gain_is_weighed_by_questions_and_its_interval_excludes_none():
    months = {
        "2024-01": RefreshedMonth(scores(60), 5),
        "2024-02": RefreshedMonth(scores(150, 300), 5),
    }
    monthly = {"2024-01": scores(30), "2024-02": scores(90, 300)}
    curve = refresh_curve("weekly", months, monthly, samples=500, seed=1)
    share = 2 / 6  # F1@5 of one tag that is found
    assert curve.f1 == pytest.approx((0.6 * share, 0.5 * share))
    assert curve.loss == pytest.approx(-(30 + 60) / 400 * share)
    assert curve.loss_low < curve.loss < curve.loss_high < 0
    assert curve.trainings == 10


@pytest.mark.parametrize("world", ["equal", "shocks"])
def test_interval_of_other_years_holds_the_expected_gain_in_nine_of_ten(world):
    random = np.random.default_rng(5)
    months, years, share = months_between("2024-01", "2024-12"), 60, 0.03
    truth = -0.5 * 2 / 6 * share
    held = 0
    for _ in range(years):
        regained = np.minimum(monthly_changes(random, world, share, 12), 1.0)
        refreshed, monthly = refreshed_months(random, months, regained)
        curve = refresh_curve("weekly", refreshed, monthly, samples=100, seed=1)
        held += curve.other_low <= truth <= curve.other_high
    assert held >= 0.9 * years


def test_one_release_does_not_tell_what_refreshes_gain_in_other_years():
    months = months_between("2024-01", "2024-12")
    monthly = {month: scores(40) for month in months}
    refreshed = {month: RefreshedMonth(scores(40), 5) for month in months}
    refreshed["2024-05"] = RefreshedMonth(scores(60), 5)
    curve = refresh_curve("weekly", refreshed, monthly, samples=200, seed=1)
    assert curve.loss_high < 0
    assert curve.other_low < -0.01 < 0 < curve.other_high
    assert not curve.known


def test_steady_gain_is_known_in_other_years():
    months = months_between("2024-01", "2024-12")
    monthly = {month: scores(40) for month in months}
    refreshed = {month: RefreshedMonth(scores(52), 5) for month in months}
    curve = refresh_curve("weekly", refreshed, monthly, samples=200, seed=1)
    assert curve.other_low < curve.loss
    assert curve.other_high < 0
    assert curve.known


def test_learning_nothing_new_gains_nothing():
    same = {"2024-01": scores(40)}
    curve = refresh_curve(
        "weekly", {"2024-01": RefreshedMonth(scores(40), 4)}, same, samples=200, seed=1
    )
    assert (curve.loss, curve.loss_low, curve.loss_high) == (0, 0, 0)
