"""A failing run of a real Airflow is told by mail over SMTP and to Slack over HTTP, once."""

import pytest
from sqlalchemy import text

from include import names
from tests.dags.airflow_command import airflow

pytestmark = pytest.mark.integration


@pytest.fixture
def heard(metadata, database_url, mlflow_server, mails, slack):
    """The environment of a platform without questions, with a mail host and a Slack webhook."""
    return {
        "DATABASE_URL": database_url,
        "MLFLOW_TRACKING_URI": mlflow_server,
        "SITE": "sandbox",
        "AIRFLOW_URL": "https://airflow.example.org",
        "SLACK_WEBHOOK_URL": slack.url,
        "AIRFLOW_CONN_SMTP_DEFAULT": mails.connection,
    }


def fail(environment):
    code, output = airflow("dags", "test", names.DAG_TRAIN, **environment)
    assert code != 0, output[-3000:]


def test_task_that_fails_is_told_with_its_error_its_log_and_what_to_do(heard, mails, slack):
    fail(heard)

    assert len(mails.mails) == 1
    mail = mails.mails[0]
    assert mail["Subject"] == "[sandbox] train_candidates: plan failed"
    said = mail.get_body(("plain",)).get_content()
    assert "Error: MissingDataError: " in said
    assert "What to do next: Run the command that the error names" in said
    assert "https://airflow.example.org/dags/train_candidates/runs/" in said
    assert "/tasks/plan?try_number=1" in said

    assert len(slack.texts) == 1
    assert "train_candidates: plan failed" in slack.texts[0]


def test_run_tells_of_itself_only_if_its_task_did_not(heard, mails, engine):
    fail(heard)
    with engine.begin() as connection:
        waiting = connection.execute(
            text("UPDATE outbox SET due_at = now() WHERE fallback RETURNING incident_key")
        )
        assert len(waiting.all()) == 1, "Airflow called the run's own callback too"

    code, output = airflow("dags", "test", names.DAG_WATCH, **heard)
    assert code == 0, output[-3000:]
    assert len(mails.mails) == 1


def test_mail_host_that_was_away_gets_the_mail_from_the_next_watch(heard, mails, slack):
    mails.refuses = True
    fail(heard)
    assert (len(mails.mails), len(slack.texts)) == (0, 1)

    mails.refuses = False
    code, output = airflow("dags", "test", names.DAG_WATCH, **heard)
    assert code == 0, output[-3000:]
    assert (len(mails.mails), len(slack.texts)) == (1, 1)
