"""Preconditions of a scheduled training on a platform with few stored months."""

import uuid

import pytest

from include.jobs.training.preconditions import unmet_precondition
from include.months import month_range
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.questions import upsert_questions
from include.store.windows import open_window

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SITE", f"test-{uuid.uuid4().hex[:8]}")
    return Settings.from_env()


def store(engine, settings, months):
    made = simulate(months=months, questions_per_month=3, events=(), site=settings.site)
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)


def test_scheduled_run_is_skipped_until_two_consecutive_months_are_stored(engine, settings):
    assert "no completely stored month" in unmet_precondition(settings, "scheduled")

    store(engine, settings, 1)
    assert "no stored questions of 2022-12" in unmet_precondition(settings, "scheduled")

    store(engine, settings, 2)
    assert unmet_precondition(settings, "scheduled") is None


def test_partly_fetched_months_do_not_count(engine, settings):
    store(engine, settings, 2)
    with engine.begin() as connection:
        for month in ("2023-01", "2023-02"):
            open_window(connection, settings.site, *month_range(month))

    assert "no completely stored month" in unmet_precondition(settings, "scheduled")


@pytest.mark.parametrize("run_type", ["manual", "backfill", "operator_triggered"])
def test_requested_training_is_not_skipped(settings, run_type):
    assert unmet_precondition(settings, run_type) is None
