"""The real platform on this machine: started, used through its interfaces, killed, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from sqlalchemy import Engine, text

from include import names
from include.demo.database_checks import champion_promotion, verify_months, wait_until_recorded
from include.demo.mails import plain_text, received
from include.demo.service_client import request_prediction, wait_for_version
from include.errors import RetryLaterError
from include.jobs.backup.manifest import finished_backups, read_manifest
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.orphans import find_orphans
from include.local_stack.state import read_environment, read_state
from include.local_stack.status import stack_status
from include.local_stack.supervisor import Supervisor
from include.local_stack.waiting import wait_for
from include.months import month_range, months_between
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.sources.stackexchange_api import StackExchangeClient
from include.store.drift import StoredDriftReport, read_report
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from tests.integration.airflow_ui import person_at
from tests.watched_command import run_watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MONTHS = tuple(f"2023-0{month}" for month in range(1, 9))
QUIET, EVENT, AFTER = "2023-09", "2023-10", "2023-11"
"""The sandbox site's first event, with the months around it."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1500)]


def command(local: Path, name: str) -> subprocess.CompletedProcess[str]:
    settings = ("DATABASE_URL", "SITE", "DATA", "LIVE", "STACKEXCHANGE_API_URL")
    environment = {key: value for key, value in os.environ.items() if key not in settings}
    own = {"LOCAL_DIR": str(local), "INGEST_WINDOW_DAYS": "31", "CANDIDATES": "frequency,tfidf"}
    return run_watched([sys.executable, "-m", "include.cli", name], env=environment | own)


def stack_processes(local: Path) -> list[psutil.Process]:
    state = read_state(local)
    return find_orphans(local, None if state is None else state.session)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running stack."""
    folder = tmp_path_factory.mktemp("stack")
    started = command(folder, "up")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield folder
    finally:
        command(folder, "down")


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


def test_from_ingest_to_a_recorded_prediction_through_airflow(local: Path):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])
    for dag_id in (names.DAG_INGEST, names.DAG_TRAIN):
        airflow.wait_for_dag(dag_id)

    airflow.begin_backfill(names.DAG_INGEST, MONTHS[0], MONTHS[-1])
    airflow.wait_for_backfill(names.DAG_INGEST, MONTHS[0], MONTHS[-1])
    assert verify_months(engine, environment["SITE"], MONTHS) > 100

    conf = {"test_month": MONTHS[-1], "candidates": ["frequency", "tfidf"], "reason": "a test"}
    run_id = airflow.trigger(names.DAG_TRAIN, conf)
    airflow.wait_for_run(names.DAG_TRAIN, run_id)
    champion = champion_promotion(engine)
    wait_for_version(environment["SERVICE_URL"], champion.to_version)

    since = datetime.now(UTC)
    client = StackExchangeClient(
        api_url=environment["STACKEXCHANGE_API_URL"], site=environment["SITE"]
    )
    question = next(iter(client.pages(*month_range(QUIET)))).questions[0]
    prediction = request_prediction(environment["SERVICE_URL"], question)
    wait_until_recorded(engine, [prediction], since)
    engine.dispose()

    assert prediction.model_version == champion.to_version
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


def kill_attempt(local: Path, dag_id: str, known: set[int]) -> bool:
    """Kill the process of a running task of a DAG that is not ``known``; return whether one was."""
    scheduler = psutil.Process(Supervisor(local).states()["airflow-scheduler"].pid)
    for worker in scheduler.children(recursive=True):
        with suppress(psutil.Error):
            if any(f"dag_id={dag_id}" in file.path for file in worker.open_files()):
                for task in worker.children():
                    if task.pid not in known:
                        task.kill()
                        known.add(task.pid)
                        return True
    return False


def test_run_whose_task_was_killed_in_every_attempt_is_told(local: Path):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])
    conf = {"month": MONTHS[-1], "candidates": ["frequency"]}
    airflow.wait_for_dag(names.DAG_STABILITY)
    run_id = airflow.trigger(names.DAG_STABILITY, conf)

    known: set[int] = set()

    def ended() -> bool:
        kill_attempt(local, names.DAG_STABILITY, known)
        return airflow.run(names.DAG_STABILITY, run_id).ended

    wait_for(ended, what="the run of the killed task has not ended", standstill_s=240, pause_s=0.1)
    assert len(known) == 3, "killed in each attempt"
    assert airflow.run(names.DAG_STABILITY, run_id).state == "failed"

    def told() -> str | None:
        with engine.connect() as connection:
            titles = text("SELECT incident->>'title' FROM outbox WHERE run_key LIKE :run")
            return connection.scalar(titles, {"run": f"{names.DAG_STABILITY}/{run_id}/%"})

    title = wait_for(told, what="the dag-processor has not told of the run", standstill_s=120)
    assert title == f"{names.DAG_STABILITY}: the run failed"
    engine.dispose()


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


def store_year(environment: dict[str, str]) -> None:
    """Store small months from 2018-10 to 2019-12, with a new technology in 2019-06."""
    made = simulate(
        first_month="2018-10",
        months=15,
        questions_per_month=40,
        events=(Event("2019-06", "tag_born", share=0.4),),
        site=environment["SITE"],
    )
    # ids of their own: the stack's site has its own questions from 1 on
    questions = [replace(one, question_id=one.question_id + 10**7) for one in made.questions]
    engine = make_engine(environment["DATABASE_URL"])
    with engine.begin() as connection:
        upsert_questions(connection, questions)
    engine.dispose()


def test_a_user_backfills_a_year_in_airflow_and_reads_the_stability_page(
    local: Path, browser: Browser, tmp_path: Path
):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    airflow.wait_for_dag(names.DAG_STABILITY)
    store_year(environment)
    year = ("2019-01", "2019-12")

    with person_at(browser, environment, pictures=tmp_path) as person:
        before = person.open_from_menu("Stability")
        before.get_by_role("heading", name="No month has been studied yet").wait_for()

        person.open_dag(names.DAG_STABILITY)
        person.ask_for_backfill("2019/01/01", "2019/12/31", candidate="frequency", at_once=4)
        runs = airflow.wait_for_backfill(names.DAG_STABILITY, *year)
        shown = person.shown_runs()

        listed = person.open_tab("Stability")
        listed.get_by_role("link", name="frequency, Jan 2019 to Dec 2019").click()
        answer = listed.locator("#answer .verdict").inner_text()
        months = listed.locator("#months tbody th").all_inner_texts()
        with person.page.context.expect_page() as opened:
            listed.get_by_role("link", name="MLflow run").first.click()
        opened.value.get_by_text("Model_Month_2019-01").first.wait_for()

    links = airflow.call(
        "GET",
        f"/dags/{names.DAG_STABILITY}/dagRuns/{runs[0].run_id}/taskInstances/study/links",
    )
    assert [run.month for run in runs] == months == list(months_between(*year))
    backfilled = [row for row in shown if row.startswith("backfill__")]
    assert sorted(row[: len("backfill__2019-01")] for row in backfilled) == [
        f"backfill__{month}" for month in months
    ]
    assert answer.startswith(("Do not retrain", "Retrain "))
    assert links["extra_links"]["MLflow run"].startswith(environment["MLFLOW_URL"])


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


def test_a_killed_process_is_restarted(local: Path):
    victim = next(line for line in stack_status(local) if line.name == "mail")
    os.kill(victim.pid, signal.SIGKILL)
    again = command(local, "up")

    assert again.returncode == 0
    revived = next(line for line in stack_status(local) if line.name == "mail")
    assert revived.pid not in {0, victim.pid}


def test_down_leaves_no_process_also_when_the_supervisor_was_killed(local: Path):
    (supervisor,) = {psutil.Process(line.pid).ppid() for line in stack_status(local)}
    os.kill(supervisor, signal.SIGKILL)
    assert len(stack_processes(local)) > 5

    stopped = command(local, "down")

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert stack_processes(local) == []


def test_the_stack_starts_again_with_its_data_and_stops(local: Path):
    started = command(local, "up")
    assert started.returncode == 0, started.stdout + started.stderr
    environment = read_environment(local)
    engine = make_engine(environment["DATABASE_URL"])
    assert verify_months(engine, environment["SITE"], MONTHS) > 100
    engine.dispose()

    stopped = command(local, "down")

    assert stopped.returncode == 0
    assert stack_processes(local) == []
    assert "Nothing was running" in command(local, "down").stdout
