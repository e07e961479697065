"""What people are told of a failed task: enough to act on, no secret and no data."""

from pathlib import Path

import pytest
from sqlalchemy.exc import DataError

from include import errors
from include.jobs.incidents.failures import (
    KILLED,
    FailedTask,
    described,
    run_incident,
    task_incident,
)
from include.notify.render import incident_mail
from include.notify.slack import incident_text
from include.notify.summaries import IncidentSummary, Link
from include.settings import Settings

SETTINGS = Settings(
    database_url="postgresql://keeper:s3cret@db/tagkeeper", stackexchange_key="k3y-of-the-api"
)


def failed(**changes):
    values = {
        "dag_id": "ingest_questions",
        "run_id": "scheduled__2024-02-01T00:00:00+00:00",
        "task_id": "fetch",
        "map_index": 2,
        "label": "2024-01-17 to 2024-01-24",
        "attempt": 31,
        "cleared": 0,
        "error": errors.RetryLaterError("the API does not answer"),
    }
    return FailedTask(**(values | changes))


def test_incident_names_the_error_its_log_and_what_to_do():
    incident = task_incident(SETTINGS, failed())

    assert incident.title == "ingest_questions: fetch failed"
    assert ("Error", "RetryLaterError: the API does not answer") in incident.rows
    assert "clear the failed task" in incident.advice
    assert incident.links[0] == (
        "Log of the task",
        "http://127.0.0.1:8080/dags/ingest_questions/runs/"
        "scheduled__2024-02-01T00%3A00%3A00%2B00%3A00/tasks/fetch/mapped/2?try_number=31",
    )


def test_instances_of_a_mapped_task_with_the_same_kind_of_error_are_one_cause():
    first = task_incident(SETTINGS, failed(map_index=1, error=OSError(28, "No space")))
    second = task_incident(SETTINGS, failed(map_index=2, error=OSError(28, "No space")))
    assert first.key == second.key


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "manual__1"},
        {"task_id": "check"},
        {"cleared": 1},
        {"error": errors.CheckFailedError("2024-01 has gaps")},
        {"error": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_run_task_error_or_clearing_is_another_cause(change):
    assert task_incident(SETTINGS, failed()).key != task_incident(SETTINGS, failed(**change)).key


def test_error_of_a_library_is_told_without_its_message_which_may_hold_data():
    told = described(SETTINGS, ValueError("cannot parse 'my private question'"))
    assert told == "ValueError"


def test_error_of_a_library_is_told_with_the_place_in_the_platforms_code():
    with pytest.raises(AttributeError) as caught:
        described(None, errors.TagkeeperError("no settings to look for secrets in"))

    assert described(SETTINGS, caught.value).startswith(
        "AttributeError at include/jobs/incidents/failures.py:"
    )


def test_database_error_is_told_without_statement_and_row():
    original = type("Refused", (Exception,), {"pgcode": "22001"})("Key (title)=(private) is long")
    error = DataError("INSERT INTO questions VALUES (%s)", ["private"], original)
    assert described(SETTINGS, error) == "DataError (SQLSTATE 22001)"


def test_secrets_and_logins_are_removed_from_the_platforms_own_errors():
    told = described(
        SETTINGS,
        errors.RetryLaterError("https://ann:pw@host?key=k3y-of-the-api did not answer"),
    )
    assert told == "RetryLaterError: https://host?key=*** did not answer"


def test_error_of_the_system_is_told_with_its_reason():
    assert described(SETTINGS, OSError(28, "No space left on device", str(Path("/x")))) == (
        "OSError: No space left on device"
    )


def test_killed_task_is_told_as_such():
    incident = task_incident(SETTINGS, failed(error=None))
    assert "killed" in dict(incident.rows)["Error"]
    assert "memory" in incident.advice


def test_run_that_took_too_long_names_the_setting():
    incident = run_incident(SETTINGS, "train_candidates", "manual__1", 0, "timed_out")
    assert incident.title == "train_candidates: the run took too long"
    assert "TIMEOUT_SCALE" in incident.advice


def summary(**changes):
    values = {
        "key": "incident-1",
        "site": "sandbox",
        "title": "ingest_questions: fetch failed",
        "rows": [("Error", f"{KILLED} <!channel>")],
        "advice": "Read the log.",
        "links": [Link("Log of the task", "http://127.0.0.1:8080/dags/x")],
    }
    return IncidentSummary(**(values | changes))


def test_mail_shows_facts_advice_and_links_in_both_parts():
    mail = incident_mail(summary())

    assert mail.subject == "[sandbox] ingest_questions: fetch failed"
    for part in (mail.text, mail.html):
        assert "Read the log." in part
        assert "http://127.0.0.1:8080/dags/x" in part
    assert "<!channel>" not in mail.html


def test_slack_message_shows_the_facts_and_mentions_no_channel():
    text = incident_text(summary(), incident_mail(summary()))
    assert "Error: Killed &lt;!channel&gt;" in text
    assert "<http://127.0.0.1:8080/dags/x|Log of the task>" in text
