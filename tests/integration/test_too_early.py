"""A scheduled training on a platform that has not stored anything yet."""

import uuid

import pytest

from include.jobs.too_early import too_early
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.questions import upsert_questions

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


def test_scheduled_run_is_skipped_until_two_months_are_stored(engine, settings):
    assert ": 0;" in too_early(settings, "scheduled")

    store(engine, settings, 1)
    assert ": 1;" in too_early(settings, "scheduled")

    store(engine, settings, 2)
    assert too_early(settings, "scheduled") is None


@pytest.mark.parametrize("run_type", ["manual", "backfill", "operator_triggered"])
def test_whoever_asks_for_a_training_is_not_skipped(settings, run_type):
    assert too_early(settings, run_type) is None
