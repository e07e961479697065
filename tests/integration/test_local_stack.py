"""The real platform on this machine, used through its interfaces: ingestion, training, backup, drift."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
from sqlalchemy import Engine, text

from include import names
from include.demo.database_checks import champion_promotion, verify_months, wait_until_recorded
from include.demo.mails import plain_text, received
from include.demo.service_client import request_prediction, wait_for_version
from include.jobs.backup.manifest import finished_backups, read_manifest
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.state import read_environment
from include.local_stack.status import stack_status
from include.local_stack.supervisor import Supervisor
from include.local_stack.waiting import wait_for
from include.months import month_range
from include.sources.stackexchange_api import StackExchangeClient
from include.store.drift import StoredDriftReport, read_report
from include.store.engine import make_engine
from include.store.models import Promotion
from include.store.questions import upsert_questions
from tests.integration.shared_stack import AFTER, EVENT, MONTHS, QUIET, command

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]


ATTEMPTS = 3
"""Of a task of `stability_month`."""


@dataclass(frozen=True)
class KilledRun:
    """A run whose task is killed in every attempt."""

    run_id: str
    known: set[int]


@pytest.fixture(scope="session")
def killed_run(local: Path) -> Iterator[KilledRun]:
    """Begin the run and go on killing its task: between attempts pass 30 s and a minute."""
    airflow = LocalAirflow.from_environment(read_environment(local))
    airflow.wait_for_dag(names.DAG_STABILITY)
    conf = {"month": MONTHS[-1], "candidates": ["frequency"]}
    run = KilledRun(airflow.trigger(names.DAG_STABILITY, conf), set())
    (logs,) = airflow.run_logs(names.DAG_STABILITY, run.run_id)
    over = Event()

    def kill() -> None:
        while len(run.known) < ATTEMPTS and not over.wait(0.1):
            # Looking through processes takes longer than looking for a log
            if len(list(logs.glob("*/attempt=*.log"))) > len(run.known):
                kill_attempt(local, logs, run.known)

    killer = Thread(target=kill, daemon=True)
    killer.start()
    yield run
    over.set()
    killer.join()


def kill_attempt(local: Path, logs: Path, known: set[int]) -> None:
    """Kill the process of a running task that logs below a folder and is not ``known``."""
    scheduler = psutil.Process(Supervisor(local).states()["airflow-scheduler"].pid)
    for worker in scheduler.children(recursive=True):
        with suppress(psutil.Error):
            if any(Path(file.path).is_relative_to(logs) for file in worker.open_files()):
                for task in worker.children():
                    if task.pid not in known:
                        task.kill()
                        known.add(task.pid)
                        return


def test_everything_runs_and_listens_on_loopback_only(local: Path):
    lines = stack_status(local)
    family = [
        process
        for line in lines
        for process in (
            psutil.Process(line.pid),
            *psutil.Process(line.pid).children(recursive=True),
        )
    ]
    listening = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }

    # The supervisor calls a process STARTING for its first ten seconds
    assert {line.state for line in lines} <= {"RUNNING", "STARTING"}
    assert listening == {"127.0.0.1"}


def test_files_with_secrets_are_readable_by_their_owner_only(local: Path):
    secret = [local / "env", local / "credentials.json", local / "airflow" / "passwords.json"]

    assert [path.stat().st_mode & 0o777 for path in secret] == [0o600] * 3


def test_a_second_up_reports_that_it_runs_and_starts_nothing(local: Path):
    before = {line.name: line.pid for line in stack_status(local)}

    again = command(local, "up")

    assert again.returncode == 0
    assert "already runs" in again.stdout
    assert {line.name: line.pid for line in stack_status(local)} == before


# Begun here, so that the delays between its attempts pass during the next tests
@pytest.mark.usefixtures("killed_run")
def test_from_ingest_to_a_recorded_prediction_through_airflow(
    local: Path, first_champion: Promotion
):
    environment = read_environment(local)
    engine = make_engine(environment["DATABASE_URL"])
    assert verify_months(engine, environment["SITE"], MONTHS) > 100

    since = datetime.now(UTC)
    client = StackExchangeClient(
        api_url=environment["STACKEXCHANGE_API_URL"], site=environment["SITE"]
    )
    question = next(iter(client.pages(*month_range(QUIET)))).questions[0]
    prediction = request_prediction(environment["SERVICE_URL"], question)
    wait_until_recorded(engine, [prediction], since)
    engine.dispose()

    assert prediction.model_version == first_champion.to_version
    assert prediction.tags


def fetch(environment: dict[str, str], engine: Engine, month: str) -> None:
    """Store a month that the site has now; its DAG has been tried above."""
    client = StackExchangeClient(
        api_url=environment["STACKEXCHANGE_API_URL"], site=environment["SITE"]
    )
    with engine.begin() as connection:
        for page in client.pages(*month_range(month)):
            upsert_questions(connection, page.questions)


def test_backup_through_airflow_holds_all_three_databases(local: Path):
    airflow = LocalAirflow.from_environment(read_environment(local))
    airflow.wait_for_dag(names.DAG_BACK_UP)

    run_id = airflow.trigger(names.DAG_BACK_UP, {})
    airflow.wait_for_run(names.DAG_BACK_UP, run_id)

    manifest = read_manifest(finished_backups(local / "backups")[-1])
    dumped = [file.path for file in manifest.of_part("databases")]
    assert dumped == ["application", "mlflow", "airflow"]


def check_month(airflow: LocalAirflow, engine: Engine, month: str) -> StoredDriftReport:
    """Run `monitor_drift` on a month; return the stored report with its decision."""
    run_id = airflow.trigger(names.DAG_MONITOR_DRIFT, {"month": month})
    airflow.wait_for_run(names.DAG_MONITOR_DRIFT, run_id)
    report_id = airflow.result(names.DAG_MONITOR_DRIFT, run_id, "check")
    with engine.connect() as connection:
        return read_report(connection, int(report_id))


def mails_about(local: Path, report: StoredDriftReport) -> list[EmailMessage]:
    """Return the mails received on an alarm and on the end of its retraining, in this order."""
    mails = received(local / "mail")
    about = f"<drift-report-{report.report_id}@"
    alarms = [mail for mail in mails if mail["Message-ID"].startswith(about)]
    return alarms + [
        mail
        for mail in mails
        if mail["Message-ID"].startswith("<training-")
        and str(report.training_run_id) in plain_text(mail)
    ]


@pytest.mark.usefixtures("first_champion")
def test_drift_is_detected_and_retrained_while_the_mail_host_is_down_and_mailed_later(local: Path):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])
    supervisor = Supervisor(local)
    for month in (QUIET, EVENT, AFTER):
        fetch(environment, engine, month)
    for dag_id in (names.DAG_MONITOR_DRIFT, names.DAG_SEND_MAIL):
        airflow.wait_for_dag(dag_id)
    before = champion_promotion(engine)

    quiet = check_month(airflow, engine, QUIET)
    assert (quiet.report.verdict, quiet.action) == ("quiet", "keep")
    assert airflow.run_ids(names.DAG_TRAIN, "drift-") == []

    supervisor.stop_processes(["mail"], timeout_s=20)
    drift = check_month(airflow, engine, EVENT)
    training = f"drift-report-{drift.report_id}"
    assert (drift.report.verdict, drift.action) == ("drift", "retrain")
    assert drift.training_run_id == training

    # The retraining ends, and its version is served, while the alarm's mail still waits.
    airflow.wait_for_run(names.DAG_TRAIN, training)
    after = champion_promotion(engine)
    assert after.to_version != before.to_version
    assert after.from_version == before.to_version
    wait_for_version(environment["SERVICE_URL"], after.to_version)
    assert not airflow.run(names.DAG_SEND_MAIL, f"mail-{training}").ended
    assert mails_about(local, drift) == []

    supervisor.start_process("mail")
    after_drift = check_month(airflow, engine, AFTER)
    assert (after_drift.report.verdict, after_drift.action) == ("quiet", "keep")
    assert after_drift.report.model_version == after.to_version

    mails = [f"mail-{training}", f"mail-training-{training}"]
    for run_id in mails:
        airflow.wait_for_run(names.DAG_SEND_MAIL, run_id)
    alarm, ended = (mail["Subject"] for mail in mails_about(local, drift))
    assert alarm.startswith(f"[sandbox] Drift in {EVENT}: ")
    assert ended == (
        f"[sandbox] Version {after.to_version} (tfidf) is live after retraining for {EVENT}"
    )
    assert airflow.run_ids(names.DAG_TRAIN, "drift-") == [training]
    engine.dispose()


def test_last_month_is_awaited_and_starts_nothing_as_the_sandbox_has_no_questions_of_it(
    local: Path,
):
    airflow = LocalAirflow.from_environment(read_environment(local))
    airflow.wait_for_dag(names.DAG_MONTHLY)

    due = airflow.wait_for_scheduled(names.DAG_MONTHLY)

    states = {
        task.task_id: task.state
        for run_id in due
        for task in airflow.tasks(names.DAG_MONTHLY, run_id)
    }
    assert states["wait_for_month"] == "success"
    assert {states["check"], states["train"]} == {"skipped"}


def test_run_whose_task_was_killed_in_every_attempt_is_told(local: Path, killed_run: KilledRun):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])
    wait_for(
        lambda: airflow.run(names.DAG_STABILITY, killed_run.run_id).ended,
        what="the run of the killed task has not ended",
        standstill_s=240,
    )
    assert len(killed_run.known) == ATTEMPTS, "killed in each attempt"
    assert airflow.run(names.DAG_STABILITY, killed_run.run_id).state == "failed"

    def told() -> str | None:
        with engine.connect() as connection:
            titles = text("SELECT incident->>'title' FROM outbox WHERE run_key LIKE :run")
            run_key = f"{names.DAG_STABILITY}/{killed_run.run_id}/%"
            return connection.scalar(titles, {"run": run_key})

    title = wait_for(told, what="the dag-processor has not told of the run", standstill_s=120)
    assert title == f"{names.DAG_STABILITY}: the run failed"
    engine.dispose()
