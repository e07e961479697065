"""
From a fall in quality to a better model, through the real programs: alert, messages, training, end.

The platform has served the answers of `good_answers`, and then those of `wrong_answers`, before the tests
that need them: the service counts judged answers once a minute, and an alert waits longer than that.
"""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from include import names
from include.demo.database_checks import champion_promotion
from include.demo.mails import received
from include.demo.service_client import request_prediction, wait_for_version
from include.demo.watching import wait_for_targets
from include.errors import RetryLaterError
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.state import read_environment, read_state
from include.local_stack.status import stack_status
from include.local_stack.waiting import wait_for
from include.local_stack.watch import PROGRAMS, find_programs
from include.monitoring.dashboards import DASHBOARDS
from include.months import month_range
from include.questions import Question
from include.sources.stackexchange_api import StackExchangeClient
from include.store.drift import DriftReport, save_report
from include.store.engine import make_engine
from include.store.models import Promotion
from include.store.predictions import Prediction, copy_predictions, prediction_line
from tests.integration.shared_stack import QUIET, is_watched
from tests.notice_servers import SlackStandIn

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]

ALERT = "LivePrecisionLow"
GOOD, BAD = 60, 140
PATIENCE_S = 300.0


@pytest.fixture(scope="module")
def watched(local: Path) -> Path:
    """The folder of the shared platform, if it is watched."""
    if not is_watched():
        pytest.skip(f"not installed: {', '.join(sorted(set(PROGRAMS) - set(find_programs())))}")
    return local


@pytest.fixture(scope="module")
def good_answers(local: Path, first_champion: Promotion) -> list[Question]:
    """Questions of a month without an event, which is stored; most have been answered well."""
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    airflow.begin_backfill(names.DAG_INGEST, QUIET, QUIET)
    airflow.wait_for_backfill(names.DAG_INGEST, QUIET, QUIET)
    questions = questions_of(environment, QUIET)
    ask(environment, questions, GOOD)
    return questions


@pytest.fixture(scope="module")
def wrong_answers(local: Path, good_answers: list[Question]) -> float:
    """The time at which most answers had become wrong; all was well before."""
    if is_watched():
        wait(
            lambda: (value_of(local, "tagkeeper_live_judged_answers") or 0) >= GOOD,
            "the answers have not been judged",
        )
        assert not any(
            alert["labels"]["alertname"] == ALERT for alert in prometheus(local, "alerts")["alerts"]
        )
    ask(read_environment(local), with_wrong_ids(good_answers), BAD)
    return time.monotonic()


def prometheus(local: Path, path: str, **params: str) -> Any:
    state = read_state(local)
    assert state is not None
    url = f"http://127.0.0.1:{state.ports['prometheus']}/api/v1/{path}"
    answer = requests.get(url, params=params, timeout=10).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def value_of(local: Path, query: str) -> float | None:
    result = prometheus(local, "query", query=query)["result"]
    return float(result[0]["value"][1]) if result else None


def is_firing(local: Path, name: str = ALERT) -> bool:
    alerts = prometheus(local, "alerts")["alerts"]
    return any(
        alert["labels"]["alertname"] == name and alert["state"] == "firing" for alert in alerts
    )


def subjects(local: Path, status: str) -> list[str]:
    """Return the subjects of the mails about the alert."""
    return [
        str(mail["Subject"])
        for mail in received(local / "mail")
        if str(mail["Subject"]).startswith(f"[{status}] {ALERT}")
    ]


def wait(condition, what: str) -> float:
    """Wait for the condition, and return the time at which it came true."""
    wait_for(condition, what=what, standstill_s=PATIENCE_S, pause_s=0.2)
    return time.monotonic()


def questions_of(environment: dict[str, str], month: str) -> list[Question]:
    client = StackExchangeClient(
        api_url=environment["STACKEXCHANGE_API_URL"], site=environment["SITE"]
    )
    return [one for page in client.pages(*month_range(month)) for one in page.questions]


def with_wrong_ids(questions: Sequence[Question]) -> list[Question]:
    """Return texts under the ids of questions about something else: suggestions become wrong."""
    return [
        replace(question, question_id=other.question_id)
        for question in questions
        if (other := next((o for o in questions if not set(o.tags) & set(question.tags)), None))
    ]


def ask(environment: dict[str, str], questions: Sequence[Question], number: int) -> None:
    for position in range(number):
        request_prediction(environment["SERVICE_URL"], questions[position % len(questions)])


def read_within_a_day(environment: dict[str, str]) -> None:
    """Let the site's questions, of past years, have been read a day after they were asked."""
    engine = make_engine(environment["DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE question_tags SET first_seen_at = asked_at + interval '1 day'")
        )
    engine.dispose()


def answer_of(environment: dict[str, str], question: Question, asked_at: datetime) -> Prediction:
    """Return a right answer to a question."""
    return Prediction(
        prediction_id=uuid.uuid4(), asked_at=asked_at, site=environment["SITE"],
        title=question.title, body=question.body_html, tags=((question.tags[0], 0.9),),
        model_version="0", candidate="tfidf", variant="champion", latency_ms=1.0,
        question_id=question.question_id,
    )  # fmt: skip


def answers_of_past_days(environment: dict[str, str], question: Question) -> None:
    """Store answers of yesterday and of three days ago, and the check of the hour of the latter."""
    now = datetime.now(UTC)
    asked_at = now - timedelta(days=3)
    answers = [answer_of(environment, question, at) for at in (asked_at, now - timedelta(days=1))]
    report = DriftReport(
        kind="predictions", site=environment["SITE"], window_start=asked_at,
        window_end=asked_at + timedelta(hours=1), model_version="0", question_count=1,
        verdict="quiet", summary={"reason": "as it was", "f1_estimated": 0.4},
    )  # fmt: skip
    engine = make_engine(environment["DATABASE_URL"])
    with engine.begin() as connection:
        copy_predictions(connection, [prediction_line(answer) for answer in answers])
        # Past days have been counted, and would be again after a day only
        connection.execute(
            text("DELETE FROM daily_indicators WHERE day < :today"), {"today": now.date()}
        )
        save_report(connection, report)
    engine.dispose()


def test_prometheus_reads_the_service_the_exporter_and_itself(watched: Path):
    assert wait_for_targets(watched) == 3


def test_every_panel_of_every_dashboard_has_data(watched: Path, good_answers: list[Question]):
    environment = read_environment(watched)
    airflow = LocalAirflow.from_environment(environment)
    url = environment["SERVICE_URL"]
    read_within_a_day(environment)
    answers_of_past_days(environment, good_answers[0])
    runs = {
        dag_id: airflow.trigger(dag_id, conf)
        for dag_id, conf in (
            (names.DAG_SETTLE, {"month": QUIET}),
            (names.DAG_MONITOR_DRIFT, {"month": QUIET}),
            (names.DAG_MONITOR_PREDICTIONS, {"until": datetime.now(UTC).isoformat()}),
            (names.DAG_BACK_UP, {}),
        )
    }
    answered = request_prediction(url, good_answers[0])
    feedback = {"prediction_id": answered.prediction_id, "final_tags": list(good_answers[0].tags)}
    for _ in range(3):  # a rate needs two values
        requests.post(f"{url}/feedback", json=feedback, timeout=10).raise_for_status()
        assert requests.post(f"{url}/predict", json={"title": 7}, timeout=10).status_code == 400
        time.sleep(2)
    for dag_id, run_id in runs.items():
        airflow.wait_for_run(dag_id, run_id)
    empty = {
        (dashboard.title, panel.title, query.expr)
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    }

    def all_have_data() -> bool:
        empty.difference_update({one for one in empty if has_data(watched, one[2])})
        return not empty

    wait_for(
        all_have_data,
        what="panels without data",
        progress=lambda: len(empty),
        explain=lambda: "\n".join(map(str, sorted(empty))),
        standstill_s=90,
        pause_s=5,
    )


def has_data(local: Path, expr: str) -> bool:
    """Return whether a panel's query gives a number in the last half hour."""
    now = time.time()
    found = prometheus(
        local,
        "query_range",
        query=expr.replace("$__rate_interval", "30s"),
        start=str(now - 1800),
        end=str(now),
        step="5",
    )
    values = (value for series in found["result"] for _, value in series["values"])
    return any(value not in {"NaN", "+Inf", "-Inf"} for value in values)


# The alert's minutes pass meanwhile: only Airflow's tasks must stand still
@pytest.mark.usefixtures("wrong_answers")
def test_a_scheduler_that_stops_is_named_within_two_minutes(local: Path):
    airflow = LocalAirflow.from_environment(read_environment(local))
    airflow.wait_for_dag(names.DAG_JUDGE)
    scheduler = next(line.pid for line in stack_status(local) if line.name == "airflow-scheduler")
    started = time.monotonic()
    os.kill(scheduler, signal.SIGSTOP)
    try:
        run_id = airflow.trigger(names.DAG_JUDGE, {"action": "judge"})
        with pytest.raises(RetryLaterError) as failed:
            airflow.wait_for_run(names.DAG_JUDGE, run_id)
    finally:
        os.kill(scheduler, signal.SIGCONT)

    message, waited_s = str(failed.value), time.monotonic() - started
    assert f"{run_id} has not ended: nothing has moved for" in message
    assert "airflow-scheduler is stopped by a signal" in message
    assert "The machine is" in message
    assert waited_s < 120
    airflow.wait_for_run(names.DAG_JUDGE, run_id)


def test_a_fall_in_quality_is_told_answered_by_one_training_and_over_with_the_new_version(
    watched: Path, wrong_answers: float, slack_of_stack: SlackStandIn
):
    environment = read_environment(watched)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])

    seconds = {
        "alert": wait(lambda: is_firing(watched), "the alert does not fire"),
        "slack": wait(
            lambda: any(ALERT in post for post in slack_of_stack.bodies), "Slack hears nothing"
        ),
        "mail": wait(lambda: subjects(watched, "firing"), "no mail has arrived"),
        "run": wait(lambda: airflow.run_ids(names.DAG_TRAIN, "alert-"), "no training"),
    }
    (training,) = airflow.run_ids(names.DAG_TRAIN, "alert-")
    airflow.wait_for_run(names.DAG_TRAIN, training)
    after = champion_promotion(engine)
    assert after.actor == training
    wait_for_version(environment["SERVICE_URL"], after.to_version)
    seconds["version"] = time.monotonic()
    seconds["resolved"] = wait(lambda: subjects(watched, "resolved"), "the alert is not over")
    engine.dispose()

    assert after.from_version is not None
    assert int(after.to_version) > int(after.from_version)
    assert not is_firing(watched)
    assert any("runbooks" in post for post in slack_of_stack.bodies)
    assert airflow.run_ids(names.DAG_TRAIN, "alert-") == [training]
    figures = {
        "seconds": {name: round(value - wrong_answers, 1) for name, value in seconds.items()},
        "memory_mb": {line.name: round(line.memory_mb) for line in stack_status(watched)},
        "series": {
            one["metric"]["job"]: int(one["value"][1])
            for one in prometheus(watched, "query", query='count by (job) ({job=~".+"})')["result"]
        },
    }
    print(json.dumps(figures))
