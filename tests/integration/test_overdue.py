"""A month whose questions or check are overdue is told, whatever the cause; others are not."""

import smtplib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from include.jobs.incidents.deadlines import overdue, tell_of_overdue
from include.months import month_range
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.drift import DriftReport, save_report
from include.store.questions import upsert_questions
from include.store.windows import advance_window, open_window

pytestmark = pytest.mark.integration

SITE, MONTH = "sandbox", "2024-01"
END = month_range(MONTH)[1]


@pytest.fixture
def settings(database_url):
    return Settings(database_url=database_url, site=SITE)


@pytest.fixture
def installed(engine):
    """A platform that was there before the month ended."""
    run(engine, "UPDATE schema_migrations SET applied_at = '2023-06-01'")


def run(engine, statement, **binds):
    with engine.begin() as connection:
        connection.execute(text(statement), binds)


def store(engine, fetched_at=END + timedelta(hours=1)):
    """Store the month completely, as if by `ingest_questions`."""
    made = simulate(first_month=MONTH, months=1, questions_per_month=3, events=(), site=SITE)
    start, end = month_range(MONTH)
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)
        window = open_window(connection, SITE, start, end)
        advance_window(connection, window, cursor=end, fetched=0, done=True)
    run(engine, "UPDATE ingest_windows SET updated_at = :at", at=fetched_at)


def promote(engine, at):
    run(
        engine,
        "INSERT INTO promotions (promoted_at, alias, to_version, kind, actor, reason) "
        "VALUES (:at, 'champion', '1', 'first', 'ann', 'r')",
        at=at,
    )


def check(engine):
    report = DriftReport("month", SITE, *month_range(MONTH), "1", 3, "quiet", {"reason": "r"})
    with engine.begin() as connection:
        save_report(connection, report)


def title(engine, settings, days):
    """Return the title of what is overdue ``days`` after the month's end, None if nothing is."""
    with engine.connect() as connection:
        found = overdue(connection, settings, END + timedelta(days=days))
    return found and found.title


def test_month_that_is_not_stored_is_told_after_its_deadline(installed, engine, settings):
    assert title(engine, settings, 2.9) is None
    assert title(engine, settings, 3.1) == "The questions of 2024-01 are overdue"


def test_half_fetched_month_is_told(installed, engine, settings):
    with engine.begin() as connection:
        open_window(connection, SITE, *month_range(MONTH))
    assert title(engine, settings, 3.1) == "The questions of 2024-01 are overdue"


def test_month_before_the_installation_is_not_expected(engine, settings):
    assert title(engine, settings, 10) is None


def test_month_that_is_stored_but_not_checked_is_told(installed, engine, settings):
    store(engine)
    promote(engine, END - timedelta(days=9))
    assert title(engine, settings, 4.9) is None
    assert title(engine, settings, 5.1) == "The drift check of 2024-01 is overdue"

    check(engine)
    assert title(engine, settings, 5.1) is None


def test_check_of_a_month_that_was_stored_late_gets_a_day(installed, engine, settings):
    store(engine, fetched_at=END + timedelta(days=9))
    promote(engine, END - timedelta(days=9))
    assert title(engine, settings, 9.5) is None
    assert title(engine, settings, 10.5) == "The drift check of 2024-01 is overdue"


def test_month_is_not_checked_for_a_champion_of_later(installed, engine, settings):
    store(engine)
    assert title(engine, settings, 10) is None
    promote(engine, END + timedelta(days=1))
    assert title(engine, settings, 10) is None


def test_zero_means_never(installed, engine, settings):
    never = settings.model_copy(update={"ingest_deadline_days": 0, "check_deadline_days": 0})
    assert title(engine, never, 20) is None


def test_overdue_month_is_mailed_once(installed, settings, mails):
    for hours in (73, 74, 99):
        told = tell_of_overdue(
            settings,
            lambda: smtplib.SMTP(mails.hostname, mails.port, timeout=10),
            now=END + timedelta(hours=hours),
        )
        assert told == ["The questions of 2024-01 are overdue"]

    assert len(mails.mails) == 1
    said = mails.mails[0].get_body(("plain",)).get_content()
    assert "tagkeeper ingest --month 2024-01" in said
    assert "Expected by: 2024-02-04 00:00 UTC" in said


def test_fresh_platform_tells_of_nothing_today(settings, engine):
    with engine.connect() as connection:
        assert overdue(connection, settings, datetime.now(UTC)) is None
