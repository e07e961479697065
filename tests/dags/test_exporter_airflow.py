"""What the exporter reads from a real api-server of Airflow."""

from __future__ import annotations

import os
import time

import pytest

from include import names
from include.monitoring.airflow_source import RUNS_READ, AirflowSource
from include.notify.airflow_rest import AirflowSession

pytestmark = pytest.mark.integration

RUNS = f"/api/v2/dags/{names.DAG_STABILITY}/dagRuns"
KEY = (names.DAG_STABILITY,)
MONTH = (names.DAG_STABILITY, "2024-03")


class RecordingSession(AirflowSession):
    """A session that can record the paths that are asked for."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.asked = []

    def request(self, method, path, *arguments, **options):
        self.asked.append(path)
        return super().request(method, path, *arguments, **options)


@pytest.fixture
def session(api_server):
    """A session, whose runs of the test are deleted afterwards."""
    made = RecordingSession(
        api_server, os.environ["AIRFLOW_USER"], os.environ["AIRFLOW_PASSWORD"], timeout_s=30
    )
    yield made
    for run in made.request("GET", f"{RUNS}?limit=100").json()["dag_runs"]:
        made.request("DELETE", f"{RUNS}/{run['dag_run_id']}")


@pytest.fixture
def start(session):
    """Start a run on a month and put it into a state."""

    def run(run_id: str, state: str) -> None:
        body = {"logical_date": None, "dag_run_id": run_id, "conf": {"month": MONTH[1]}}
        session.request("POST", RUNS, body)
        if state != "queued":
            session.request("PATCH", f"{RUNS}/{run_id}", {"state": state})

    return run


def test_run_that_waits_is_active_since_it_was_queued(session, start):
    start("waits", "queued")
    samples = AirflowSource(session, 60).read()

    queued_at = samples.values("dag_oldest_active_timestamp_seconds")[KEY]
    assert samples.values("dag_runs_active")[KEY] == 1
    assert abs(queued_at - time.time()) < 300
    assert KEY not in samples.values("dag_failed")


def test_failed_run_is_shown_with_its_month_and_the_success_before_it_stays(session, start):
    source = AirflowSource(session, 60)
    start("first", "success")
    before = source.read()
    start("second", "failed")
    after = source.read()

    name = "dag_success_timestamp_seconds"
    assert before.values("dag_failed")[KEY] == 0
    assert after.values("dag_failed")[KEY] == 1
    assert after.values("dag_month_failed")[MONTH] == 1
    assert after.values(name)[KEY] == before.values(name)[KEY]


def test_a_later_reading_asks_for_changes_only_and_knows_as_much_as_a_first_one(session, start):
    start("waits", "queued")
    source = AirflowSource(session, 60)
    source.read()
    session.request("PATCH", f"{RUNS}/waits", {"state": "failed"})
    start("later", "success")
    session.asked.clear()
    later = source.read()
    asked = len(session.asked)
    first = AirflowSource(session, 60).read()

    assert asked == 4  # DAGs, changes, active runs, health; a first one asks for each DAG
    for name in ("dag_failed", "dag_success_timestamp_seconds", "dag_month_duration_seconds"):
        assert later.values(name) == first.values(name) != {}


def test_a_success_is_remembered_when_as_many_runs_as_are_read_failed_after_it(session, start):
    source = AirflowSource(session, 60)
    start("first", "success")
    before = source.read()
    for number in range(RUNS_READ):
        start(f"later-{number}", "failed")
    later, first = source.read(), AirflowSource(session, 60).read()

    name = "dag_success_timestamp_seconds"
    assert later.values("dag_failed")[KEY] == 1
    assert later.values(name)[KEY] == first.values(name)[KEY] == before.values(name)[KEY]


def test_every_dag_of_the_platform_is_read(session):
    samples = AirflowSource(session, 60).read()

    assert {dag_id for (dag_id,) in samples.values("dag_paused")} == set(names.DAGS)
