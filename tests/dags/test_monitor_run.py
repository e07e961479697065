"""`monitor_drift` and `send_mail` run by a real Airflow, on real PostgreSQL, MLflow and SMTP."""

import json
import socket
import subprocess
import sys
import uuid
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import text

from include import names
from include.local_stack.waiting import wait_for
from include.months import month_range
from include.registry import Registry
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.store.drift import checked_months, read_report
from include.store.questions import upsert_questions
from tests.dags.airflow_command import run_airflow, stored_run_ids

ROOT = Path(__file__).resolve().parents[2]
LEARNED, QUIET, CHANGED = "2023-07", "2023-08", "2023-09"

pytestmark = pytest.mark.integration


def airflow(*arguments, **environment):
    """Return what a command of Airflow's printed; one that fails fails the test."""
    done = run_airflow(*arguments, **environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


@pytest.fixture
def sink(tmp_path):
    """A real mail host, which keeps what it gets: (port, folder)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "mail"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "include.cli", "mail-sink"),
            *("--port", str(port), "--folder", str(folder)),
        ],
        cwd=ROOT,
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listens, what="the mail host does not listen", pause_s=0.1)
    yield port, folder
    process.terminate()
    process.wait(20)


@pytest.fixture
def no_champion(mlflow_server):
    """The server is shared by all tests: this one begins without a champion and leaves none."""
    registry = Registry(mlflow_server)

    def clear():
        if registry.alias(names.CHAMPION):
            registry.remove_alias(names.CHAMPION)

    clear()
    yield
    clear()


@pytest.fixture
def platform(known_dags, database_url, engine, mlflow_server, no_champion, sink, tmp_path):
    """The environment of a platform with nine months of questions; the last is not like the rest."""
    site = f"test-{uuid.uuid4().hex[:8]}"
    event = Event(CHANGED, "tag_born", 0.25)
    made = simulate(4, "2023-01", 9, 120, events=(event,), site=site)
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)
    smtp = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": sink[0],
        "extra": {"disable_ssl": True, "disable_tls": True},
    }
    return {
        "DATABASE_URL": database_url,
        "MLFLOW_TRACKING_URI": mlflow_server,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "SITE": site,
        "LOCAL_DIR": str(tmp_path / "local"),
        "BOOTSTRAP_SAMPLES": "200",
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(smtp),
    }


def run(platform, dag_id, **conf):
    return airflow("dags", "test", dag_id, "--conf", json.dumps(conf), **platform)


def triggered(dag_id):
    """Ids of the runs that were triggered, not those that this test ran itself."""
    return [
        run_id for run_id in stored_run_ids(dag_id) if run_id.startswith(("drift-", "mail-drift-"))
    ]


def report_of(engine, site, month):
    with engine.connect() as connection:
        assert month in [row.month for row in checked_months(connection, site)]
        found = connection.execute(
            text(
                "SELECT report_id FROM drift_reports WHERE site = :site AND window_start = :start"
            ),
            {"site": site, "start": month_range(month)[0]},
        )
        return read_report(connection, found.scalar_one())


def test_quiet_month_keeps_event_retrains_once_and_the_mail_arrives(
    platform, engine, mlflow_server, sink
):
    run(platform, names.DAG_TRAIN, candidates=["tfidf"], test_month=LEARNED)
    assert Registry(mlflow_server).alias(names.CHAMPION).tags["train_last"] == LEARNED

    run(platform, names.DAG_MONITOR_DRIFT, month=QUIET)
    quiet = report_of(engine, platform["SITE"], QUIET)
    assert (quiet.report.verdict, quiet.action) == ("quiet", "keep")
    assert triggered(names.DAG_TRAIN) == []

    run(platform, names.DAG_MONITOR_DRIFT, month=CHANGED)
    drift = report_of(engine, platform["SITE"], CHANGED)
    assert (drift.report.verdict, drift.action) == ("drift", "retrain")
    assert drift.artifact_uri.startswith(mlflow_server)
    training = f"drift-report-{drift.report_id}"
    assert triggered(names.DAG_TRAIN) == [training]
    assert triggered(names.DAG_SEND_MAIL) == [f"mail-{training}"]

    run(platform, names.DAG_MONITOR_DRIFT, month=CHANGED)
    assert triggered(names.DAG_TRAIN) == [training]
    assert report_of(engine, platform["SITE"], CHANGED).training_run_id == training

    facts = {"report_id": drift.report_id, "training_run_id": training}
    run(platform, names.DAG_SEND_MAIL, kind="drift", facts=facts)
    (path,) = sink[1].glob("*.eml")
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert f"Drift in {CHANGED}" in mail["Subject"]
    assert f"/runs/{training}" in mail.get_body(("plain",)).get_content()
