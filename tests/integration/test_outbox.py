"""Incidents reach people by mail and Slack, each once: real PostgreSQL, SMTP and HTTP."""

import smtplib

import pytest
from sqlalchemy import text

from include.jobs.incidents import delivery
from include.jobs.incidents.delivery import deliver_waiting, report, report_later
from include.settings import Settings
from include.task_results import Incident

pytestmark = pytest.mark.integration


def incident(key="incident-1", run_key="ingest_questions/manual__1/0"):
    return Incident(
        key=key,
        run_key=run_key,
        title="ingest_questions: fetch failed",
        rows=[("Error", "RetryLaterError: the API does not answer")],
        advice="Clear the task.",
        links=[("Log of the task", "http://127.0.0.1:8080/dags/x")],
    )


@pytest.fixture
def settings(database_url, slack):
    return Settings(database_url=database_url, slack_webhook_url=slack.url, site="sandbox")


@pytest.fixture
def open_smtp(mails):
    return lambda: smtplib.SMTP(mails.hostname, mails.port, timeout=10)


def row(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT * FROM outbox")).one()


def test_incident_is_sent_at_once_both_ways(settings, open_smtp, mails, slack):
    assert report(settings, incident(), open_smtp)

    assert [mail["Subject"] for mail in mails.mails] == ["[sandbox] ingest_questions: fetch failed"]
    assert "the API does not answer" in slack.texts[0]


def test_same_cause_is_sent_once(settings, open_smtp, mails, slack):
    assert [report(settings, incident(), open_smtp) for _ in range(3)] == [True, False, False]
    deliver_waiting(settings, open_smtp)

    assert (len(mails.mails), len(slack.texts)) == (1, 1)


def test_mail_waits_for_its_host_and_slack_does_not_wait_for_it(
    settings, open_smtp, mails, slack, engine
):
    mails.refuses = True
    report(settings, incident(), open_smtp)
    assert len(slack.texts) == 1
    assert row(engine).last_error == "mail: SMTPDataError"

    mails.refuses = False
    assert deliver_waiting(settings, open_smtp) == {"sent": 1, "waiting": 0}
    assert (len(mails.mails), len(slack.texts)) == (1, 1)
    assert row(engine).last_error is None


def test_slack_that_refuses_keeps_no_mail_and_its_secret(settings, open_smtp, mails, slack, engine):
    slack.status = 500
    report(settings, incident(), open_smtp)
    assert len(mails.mails) == 1
    assert row(engine).last_error == "Slack: RetryLaterError"

    slack.status = 200
    deliver_waiting(settings, open_smtp)
    assert (len(mails.mails), len(slack.texts)) == (1, 1)


def test_without_a_webhook_only_the_mail_is_sent(database_url, open_smtp, mails, engine):
    report(Settings(database_url=database_url), incident(), open_smtp)
    assert len(mails.mails) == 1
    assert row(engine).posted_at is not None


def test_run_is_told_of_after_a_grace_if_none_of_its_tasks_told(settings, open_smtp, mails, engine):
    report_later(settings, incident())
    assert deliver_waiting(settings, open_smtp) == {"sent": 0, "waiting": 0}

    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox SET due_at = now()"))
    assert deliver_waiting(settings, open_smtp) == {"sent": 1, "waiting": 0}
    assert len(mails.mails) == 1


def test_run_is_not_told_of_if_one_of_its_tasks_told(settings, open_smtp, mails, monkeypatch):
    monkeypatch.setattr(delivery, "GRACE_S", 0.0)
    report_later(settings, incident("incident-of-the-run"))
    report(settings, incident("incident-of-the-task"), open_smtp)
    deliver_waiting(settings, open_smtp)

    assert [mail["Message-ID"].split("@")[0] for mail in mails.mails] == ["<incident-of-the-task"]


def test_without_a_database_the_incident_is_sent_all_the_same(open_smtp, mails, slack):
    away = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none", slack_webhook_url=slack.url
    )
    assert report(away, incident(), open_smtp)
    assert (len(mails.mails), len(slack.texts)) == (1, 1)
