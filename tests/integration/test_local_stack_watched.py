"""From a fall in quality to a better model, through the real programs: alert, messages, training, end."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from include import names
from include.demo.database_checks import champion_promotion
from include.demo.mails import received
from include.demo.service_client import request_prediction, wait_for_version
from include.demo.watching import wait_for_targets
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.state import read_environment, read_state
from include.local_stack.status import stack_status
from include.local_stack.waiting import wait_for
from include.local_stack.watch import PROGRAMS, find_programs
from include.monitoring.dashboards import DASHBOARDS
from include.months import month_range
from include.questions import Question
from include.sources.stackexchange_api import StackExchangeClient
from include.store.engine import make_engine
from tests.watched_command import run_watched

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]

FIRST, TRAINED, LAST = "2023-01", "2023-05", "2023-09"
"""Months stored; the first champion has seen those up to the second one."""
CHECKED = "2023-10"
"""The month that is checked for drift after the new champion has learned the others."""
ALERT = "LivePrecisionLow"
GOOD, BAD = 60, 140
PATIENCE_S = 300.0


@dataclass
class Slack:
    """A stand-in for Slack's incoming webhook: what it was sent, over real HTTP."""

    posts: list[str] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def slack() -> Iterator[tuple[Slack, str]]:
    """The stand-in and its address."""
    stand_in = Slack()
    server = ThreadingHTTPServer(("127.0.0.1", 0), stand_in.handler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield stand_in, f"http://127.0.0.1:{server.server_port}/services/secret"
    server.shutdown()


def command(local: Path, name: str, **settings: str):
    environment = {
        key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "SITE")
    }
    own = {
        "LOCAL_DIR": str(local),
        "INGEST_WINDOW_DAYS": "31",
        "CANDIDATES": "tfidf",
        "WATCH": "1",
        "WATCH_INTERVAL_S": "1",
        "EXPORTER_INTERVAL_S": "1",
    }
    return run_watched(
        [sys.executable, "-m", "include.cli", name], env=environment | own | settings
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, slack: tuple[Slack, str]) -> Iterator[Path]:
    """The folder of a running, watched stack."""
    if missing := set(PROGRAMS) - set(find_programs()):
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")
    folder = tmp_path_factory.mktemp("watched")
    started = command(folder, "up", SLACK_WEBHOOK_URL=slack[1])
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield folder
    finally:
        command(folder, "down")
        if keep := os.environ.get("KEEP_WATCHED_STACK"):
            shutil.copytree(folder, keep, dirs_exist_ok=True)


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


def test_a_fall_in_quality_is_told_answered_by_one_training_and_over_with_the_new_version(
    local: Path, slack: tuple[Slack, str]
):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])
    for dag_id in (names.DAG_INGEST, names.DAG_TRAIN):
        airflow.wait_for_dag(dag_id)
    airflow.begin_backfill(names.DAG_INGEST, FIRST, LAST)
    airflow.wait_for_backfill(names.DAG_INGEST, FIRST, LAST)
    run_id = airflow.trigger(names.DAG_TRAIN, {"test_month": TRAINED, "reason": "a test"})
    airflow.wait_for_run(names.DAG_TRAIN, run_id)
    before = champion_promotion(engine)
    wait_for_version(environment["SERVICE_URL"], before.to_version)

    # All is well: the answers are judged, and no alert waits
    questions = questions_of(environment, LAST)
    ask(environment, questions, GOOD)
    wait(
        lambda: (value_of(local, "tagkeeper_live_judged_answers") or 0) >= GOOD,
        "the answers have not been judged",
    )
    assert not any(
        alert["labels"]["alertname"] == ALERT for alert in prometheus(local, "alerts")["alerts"]
    )

    ask(environment, with_wrong_ids(questions), BAD)
    fell = time.monotonic()
    seconds = {
        "alert": wait(lambda: is_firing(local), "the alert does not fire") - fell,
        "slack": wait(lambda: any(ALERT in post for post in slack[0].posts), "Slack hears nothing")
        - fell,
        "mail": wait(lambda: subjects(local, "firing"), "no mail has arrived") - fell,
        "run": wait(lambda: airflow.run_ids(names.DAG_TRAIN, "alert-"), "no training") - fell,
    }
    (training,) = airflow.run_ids(names.DAG_TRAIN, "alert-")
    airflow.wait_for_run(names.DAG_TRAIN, training)
    after = champion_promotion(engine)
    assert after.actor == training
    wait_for_version(environment["SERVICE_URL"], after.to_version)
    seconds["version"] = time.monotonic() - fell
    seconds["resolved"] = wait(lambda: subjects(local, "resolved"), "the alert is not over") - fell
    engine.dispose()

    assert int(after.to_version) > int(before.to_version)
    assert not is_firing(local)
    assert any("runbooks" in post for post in slack[0].posts)
    assert airflow.run_ids(names.DAG_TRAIN, "alert-") == [training]
    figures = {
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "memory_mb": {line.name: round(line.memory_mb) for line in stack_status(local)},
        "series": {
            one["metric"]["job"]: int(one["value"][1])
            for one in prometheus(local, "query", query='count by (job) ({job=~".+"})')["result"]
        },
    }
    print(json.dumps(figures))


def test_prometheus_reads_the_service_the_exporter_and_itself(local: Path):
    assert wait_for_targets(local) == 3


def test_every_panel_of_every_dashboard_has_data(local: Path):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    url = environment["SERVICE_URL"]
    airflow.begin_backfill(names.DAG_INGEST, CHECKED, CHECKED)
    airflow.wait_for_backfill(names.DAG_INGEST, CHECKED, CHECKED)
    questions = questions_of(environment, CHECKED)
    ask(environment, questions, GOOD)
    answered = request_prediction(url, questions[0])
    feedback = {"prediction_id": answered.prediction_id, "final_tags": list(questions[0].tags)}
    for _ in range(3):  # a rate needs two values
        requests.post(f"{url}/feedback", json=feedback, timeout=10).raise_for_status()
        assert requests.post(f"{url}/predict", json={"title": 7}, timeout=10).status_code == 400
        time.sleep(2)
    for dag_id, conf in (
        (names.DAG_MONITOR_DRIFT, {"month": CHECKED}),
        (names.DAG_MONITOR_PREDICTIONS, {"until": datetime.now(UTC).isoformat()}),
        (names.DAG_BACK_UP, {}),
    ):
        airflow.wait_for_run(dag_id, airflow.trigger(dag_id, conf))
    empty = {
        (dashboard.title, panel.title, query.expr)
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    }

    def all_have_data() -> bool:
        empty.difference_update({one for one in empty if has_data(local, one[2])})
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
