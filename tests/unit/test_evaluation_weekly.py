"""The curve of weekly refreshes beside monthly training."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.evaluation.metrics import QuestionScores
from include.evaluation.weekly import LABEL_DELAY, RefreshedMonth, weekly_curve, weeks_of
from include.months import add_months, month_range


def scores(hits: int, questions: int = 100) -> QuestionScores:
    """Questions of one tag each, found first for some of them."""
    found = np.zeros((questions, 5), dtype=bool)
    found[:hits, 0] = True
    ones = np.ones(questions, dtype=np.int64)
    return QuestionScores(found, ones, ones)


@given(st.integers(0, 400))
def test_weeks_cover_the_month_after_its_first_seven_days(count):
    start, end = month_range(add_months("2000-01", count))
    weeks = weeks_of(f"{start:%Y-%m}")
    assert weeks[0][1] == start + timedelta(days=7)
    assert weeks[-1][2] == end
    assert all(later[1] == earlier[2] for earlier, later in pairwise(weeks))
    assert all(known == first - LABEL_DELAY for known, first, _ in weeks)


def test_gain_is_weighed_by_questions_and_its_interval_excludes_none():
    months = {
        "2024-01": RefreshedMonth(scores(60), 5),
        "2024-02": RefreshedMonth(scores(150, 300), 5),
    }
    monthly = {"2024-01": scores(30), "2024-02": scores(90, 300)}
    curve = weekly_curve(months, monthly, samples=500, seed=1)
    share = 2 / 6  # F1@5 of one tag that is found
    assert curve.f1 == pytest.approx((0.6 * share, 0.5 * share))
    assert curve.loss == pytest.approx(-(30 + 60) / 400 * share)
    assert curve.loss_low < curve.loss < curve.loss_high < 0
    assert curve.trainings == 10


def test_learning_nothing_new_gains_nothing():
    same = {"2024-01": scores(40)}
    curve = weekly_curve({"2024-01": RefreshedMonth(scores(40), 4)}, same, samples=200, seed=1)
    assert (curve.loss, curve.loss_low, curve.loss_high) == (0, 0, 0)


def test_february_of_28_days_has_three_more_weeks():
    assert len(weeks_of("2023-02")) == 3
    assert weeks_of("2023-02")[-1][1:] == (
        datetime(2023, 2, 22, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC),
    )  # fmt: skip
