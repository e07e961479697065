"""Alertmanager's webhook in a real api-server of Airflow: who may start which training, how often."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from include import names
from include.notify.airflow_rest import AirflowSession
from tests.conftest import free_port
from tests.unit.test_alerts import alert, payload

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def server(api_server) -> Iterator[str]:
    """Address of an api-server that takes alerts."""
    with pytest.MonkeyPatch.context() as at:
        at.setenv("ALERT_WEBHOOK_TOKEN", TOKEN)
        yield api_server


@pytest.fixture
def send(server):
    """Send a webhook as Alertmanager does."""

    def post(body, token: str | None = TOKEN) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(f"{server}/alerts/", data=data, headers=headers, timeout=60)

    return post


@pytest.fixture
def runs(server, monkeypatch):
    """Give the ids of the trainings that alerts started; they are deleted afterwards."""
    import os

    session = AirflowSession(server, os.environ["AIRFLOW_USER"], os.environ["AIRFLOW_PASSWORD"])
    path = f"/api/v2/dags/{names.DAG_TRAIN}/dagRuns"

    def found() -> dict[str, dict]:
        return {run["dag_run_id"]: run for run in session.request("GET", path).json()["dag_runs"]}

    yield found
    for run_id in found():
        session.request("DELETE", f"{path}/{run_id}")


def test_alert_starts_one_training_without_a_login_however_often_it_is_sent(send, runs):
    first = send(payload(alert()))
    again = send(payload(alert(), alert()))
    resolved = send(payload(alert(status="resolved")))

    (run,) = runs().values()
    assert [each.status_code for each in (first, again, resolved)] == [200, 200, 200]
    assert first.json() == {
        "alerts": {"0123456789abcdef": "started alert-0123456789abcdef-20261126T120005"}
    }
    assert run["conf"] == {
        "reason": "alert LivePrecisionLow: Only 12% of the suggested tags are true"
    }


def test_ended_run_of_the_same_outbreak_is_not_started_again(send, runs):
    import os

    send(payload(alert()))
    session = AirflowSession(
        os.environ["AIRFLOW_URL"], os.environ["AIRFLOW_USER"], os.environ["AIRFLOW_PASSWORD"]
    )
    (run_id,) = runs()
    path = f"/api/v2/dags/{names.DAG_TRAIN}/dagRuns/{run_id}"
    session.request("PATCH", path, {"state": "failed"})
    again = send(payload(alert()))

    assert "exists already" in again.text
    assert list(runs()) == [run_id]


def test_alert_that_flaps_waits_for_the_training_under_way(send, runs):
    send(payload(alert()))
    flapped = send(payload(alert(startsAt="2026-11-26T14:00:00Z")))

    assert "under way" in flapped.text
    assert len(runs()) == 1


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", "ä"])
def test_without_the_token_nothing_is_started(send, runs, token):
    if token == "ä":
        token = "ä".encode().decode("latin-1")
    assert send(payload(alert()), token).status_code == 401
    assert runs() == {}


def test_without_a_configured_token_nothing_is_started(send, runs, monkeypatch):
    monkeypatch.delenv("ALERT_WEBHOOK_TOKEN")

    assert send(payload(alert()), "").status_code == 503
    assert runs() == {}


@pytest.mark.parametrize(
    "body",
    [
        payload(alert(labels={"alertname": "DiskFilling"})),
        payload(alert(fingerprint="x")),
        b"no json",
        b"[" * 200_000,
        b" " * 300_000,
    ],
    ids=["other alert", "no fingerprint", "no json", "deep", "large"],
)
def test_what_is_unknown_is_refused_and_logged(send, runs, body, caplog):
    assert send(body).status_code == 422
    assert "refused" in caplog.text
    assert runs() == {}


def test_policy_that_ignores_drift_forbids_the_training(send, runs, monkeypatch):
    monkeypatch.setenv("RETRAINING_POLICY", "quarterly")

    assert "forbids" in send(payload(alert())).text
    assert runs() == {}


def test_airflow_that_cannot_start_a_run_asks_to_send_again(send, monkeypatch):
    monkeypatch.setenv("AIRFLOW_URL", f"http://127.0.0.1:{free_port()}")

    assert send(payload(alert())).status_code == 503
