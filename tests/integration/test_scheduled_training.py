"""When a stored month is followed by a training by schedule."""

import uuid

import pytest

from include.jobs.training.scheduled_training import scheduled_training
from include.months import month_range
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.drift import DriftReport, save_decision, save_report
from include.store.questions import upsert_questions
from include.store.windows import open_window

pytestmark = pytest.mark.integration

LAST = "2023-02"


@pytest.fixture
def settings(database_url):
    return Settings(database_url=database_url, site=f"test-{uuid.uuid4().hex[:8]}")


def store(engine, settings, months):
    made = simulate(months=months, questions_per_month=3, events=(), site=settings.site)
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)


def decide(engine, settings, action):
    start, end = month_range(LAST)
    summary = {"reason": "a test"}
    report = DriftReport("month", settings.site, start, end, "1", 3, "drift", summary)
    with engine.begin() as connection:
        save_decision(connection, save_report(connection, report), action, "a test")


def test_training_follows_when_two_consecutive_months_are_stored(engine, settings):
    assert scheduled_training(settings, LAST) is None

    store(engine, settings, 1)
    assert scheduled_training(settings, LAST) is None

    store(engine, settings, 2)
    assert scheduled_training(settings, LAST) == {
        "reason": "2023-02 is stored, policy monthly_and_on_drift"
    }


def test_partly_fetched_months_do_not_count(engine, settings):
    store(engine, settings, 2)
    with engine.begin() as connection:
        for month in ("2023-01", LAST):
            open_window(connection, settings.site, *month_range(month))

    assert scheduled_training(settings, LAST) is None


def test_month_whose_drift_has_triggered_a_training_is_followed_by_no_second_one(engine, settings):
    store(engine, settings, 2)
    decide(engine, settings, "retrain")

    assert scheduled_training(settings, LAST) is None


def test_month_that_was_checked_and_kept_the_model_is_followed_by_the_training(engine, settings):
    store(engine, settings, 2)
    decide(engine, settings, "keep")

    assert scheduled_training(settings, LAST) is not None


@pytest.mark.parametrize(
    ("policy", "follows"),
    [("monthly", True), ("quarterly", False), ("on_drift", False), ("monthly_and_on_drift", True)],
)
def test_policy_says_after_which_months(engine, settings, policy, follows):
    store(engine, settings, 2)
    chosen = settings.model_copy(update={"retraining_policy": policy})

    assert (scheduled_training(chosen, LAST) is not None) == follows
