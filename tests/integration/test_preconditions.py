"""Preconditions of a scheduled training on a platform with few stored months."""

import uuid

import pytest

from include.jobs.training.preconditions import unmet_precondition
from include.months import month_range
from include.sandbox.simulator import simulate
from include.store.questions import upsert_questions
from include.store.windows import open_window

pytestmark = pytest.mark.integration


@pytest.fixture
def site():
    return f"test-{uuid.uuid4().hex[:8]}"


def store(engine, site, months):
    made = simulate(months=months, questions_per_month=3, events=(), site=site)
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)


def test_scheduled_run_is_skipped_until_two_consecutive_months_are_stored(engine, site):
    assert "no completely stored month" in unmet_precondition(engine, site, "scheduled")

    store(engine, site, 1)
    assert "no stored questions of 2022-12" in unmet_precondition(engine, site, "scheduled")

    store(engine, site, 2)
    assert unmet_precondition(engine, site, "scheduled") is None


def test_partly_fetched_months_do_not_count(engine, site):
    store(engine, site, 2)
    with engine.begin() as connection:
        for month in ("2023-01", "2023-02"):
            open_window(connection, site, *month_range(month))

    assert "no completely stored month" in unmet_precondition(engine, site, "scheduled")


@pytest.mark.parametrize("run_type", ["manual", "backfill", "operator_triggered"])
def test_requested_training_is_not_skipped(engine, site, run_type):
    assert unmet_precondition(engine, site, run_type) is None
