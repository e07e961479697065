"""A platform whose tasks run on two Celery workers without a shared disk, one of which dies."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, text
from threadpoolctl import threadpool_limits

from include import names
from include.jobs.backup.manifest import finished_backups, read_manifest
from include.jobs.stability.study import Stability, request_from_run
from include.local_stack.celery_workers import NOT_FOR_WORKERS
from include.local_stack.layout import worker_name
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.process_time import family
from include.local_stack.state import read_environment
from include.local_stack.supervisor import Supervisor
from include.local_stack.waiting import wait_for
from include.months import months_between
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from tests.watched_command import run_watched

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

STORED = months_between("2019-01", "2019-08")
STUDIED = STORED[-5:]
WORKERS = (worker_name(1), worker_name(2))
ADDRESSES = ("127.0.0.2", "127.0.0.3")


def command(local: Path, name: str):
    unset = ("DATABASE_URL", "SITE", "DATA", "LIVE", "STACKEXCHANGE_API_URL", "WATCH")
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    own = {
        "LOCAL_DIR": str(local),
        "CANDIDATES": "tfidf",
        "CELERY_WORKERS": str(len(WORKERS)),
        "TASK_HEARTBEAT_TIMEOUT_S": "20",
    }
    return run_watched([sys.executable, "-m", "include.cli", name], env=environment | own)


def log_of_last_year(local: Path) -> Path:
    """Return a task log of the first worker, as old as a year where it was made."""
    logs = local / "workers" / WORKERS[0] / "airflow" / "logs"
    log = logs / "dag_id=ingest_questions" / "run_id=manual" / "attempt=1.log"
    if not logs.exists():
        log.parent.mkdir(parents=True)
        log.write_text("{}")
        os.utime(log, (time.time() - 366 * 86_400,) * 2)
    return log


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running stack with two Celery workers."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("celery")
    log_of_last_year(folder)
    started = command(folder, "up")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield folder
    finally:
        command(folder, "down")


def store(engine: Engine, site: str) -> None:
    made = simulate(
        seed=4,
        first_month=STORED[0],
        months=len(STORED),
        questions_per_month=150,
        events=(),
        site=site,
    )
    # ids of their own: the stack's site has its own questions from 1 on
    questions = [replace(one, question_id=one.question_id + 10**7) for one in made.questions]
    with engine.begin() as connection:
        upsert_questions(connection, questions)


def answers(engine: Engine) -> list[tuple[Any, ...]]:
    """Return the answers of every model on every month, byte by byte."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT model_month, test_month, scores, suggested "
                "FROM stability_pairs ORDER BY model_month, test_month"
            )
        )
        return [(*row[:2], *map(bytes, row[2:])) for row in rows]


def studied_by_the_plain_function(database_url: str, environment: Mapping[str, str], folder: Path):
    """Return the answers of the same study, month by month in this process."""
    settings = Settings(
        database_url=database_url,
        mlflow_tracking_uri=environment["MLFLOW_TRACKING_URI"],
        site="plain",
        local_dir=folder,
    )
    stability = Stability.from_settings(settings)
    store(stability.engine, settings.site)
    # The last digit of a sum depends on how many threads have part in it
    with threadpool_limits(int(environment["OPENBLAS_NUM_THREADS"])):
        for month in STUDIED:
            stability.train(request_from_run({"candidates": ["tfidf"], "month": month}, None, None))
    return answers(stability.engine)


def kill(worker: psutil.Process) -> None:
    """Kill a worker with all its processes, as a power cut would."""
    for process in family(worker.pid):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


def worker_in_mid_task(local: Path, airflow: LocalAirflow) -> psutil.Process | None:
    """Return a worker that runs a study's task, None if none does."""
    path = f"/dags/{names.DAG_STABILITY}/dagRuns/~/taskInstances?state=running"
    states = Supervisor(local).states()
    for task in airflow.call("GET", path)["task_instances"]:
        return psutil.Process(states[WORKERS[ADDRESSES.index(task["hostname"])]].pid)
    return None


def workers_of(airflow: LocalAirflow, run_id: str) -> list[str]:
    """Return the addresses of the workers that tried a run's task, in order."""
    path = f"/dags/{names.DAG_STABILITY}/dagRuns/{run_id}/taskInstances/study/tries"
    return [one["hostname"] for one in airflow.call("GET", path)["task_instances"]]


def test_a_study_is_complete_with_the_same_answers_although_one_of_two_workers_was_killed(
    local: Path, database_url: str, tmp_path: Path
):
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    engine = make_engine(environment["DATABASE_URL"])
    store(engine, environment["SITE"])
    airflow.wait_for_dag(names.DAG_STABILITY)

    conf = {"candidates": ["tfidf"]}
    airflow.begin_backfill(names.DAG_STABILITY, STUDIED[0], STUDIED[-1], at_once=4, conf=conf)
    victim = wait_for(
        lambda: worker_in_mid_task(local, airflow), what="no worker has begun a task", pause_s=0.05
    )
    kill(victim)
    runs = airflow.wait_for_backfill(names.DAG_STABILITY, STUDIED[0], STUDIED[-1])

    tries = {run.month: workers_of(airflow, run.run_id) for run in runs}
    assert max(map(len, tries.values())) > 1, "the killed worker's task was tried again"
    assert {host for hosts in tries.values() for host in hosts} == set(ADDRESSES)
    plain = studied_by_the_plain_function(database_url, environment, tmp_path)
    assert len(plain) == len(STUDIED) * (len(STUDIED) + 1) / 2
    assert answers(engine) == plain
    engine.dispose()


def test_task_logs_are_on_the_workers_only_and_read_by_network(local: Path):
    airflow = LocalAirflow.from_environment(read_environment(local))
    (run, *_) = airflow.backfill_runs(names.DAG_STABILITY, STUDIED[-1], STUDIED[-1])
    (task,) = airflow.tasks(run.dag_id, run.run_id)
    log = airflow.task_log(run.dag_id, run.run_id, task)
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/study/logs/{task.attempt}"

    shown = str(airflow.call("GET", path)["content"])

    assert log.is_relative_to(local / "workers")
    assert not (local / "airflow" / "logs" / f"dag_id={run.dag_id}").exists()
    assert "http://127.0.0." in shown
    assert "Model_Month" in shown or "study" in log.read_text()


def test_a_worker_removes_its_own_old_task_logs(local: Path):
    assert not log_of_last_year(local).exists()


def environment_of(process: psutil.Process) -> dict[str, str] | None:
    """Return what a process was given, or None where it has ended since it was listed."""
    try:
        return process.environ()
    except psutil.NoSuchProcess:  # also a zombie, which has no environment any more
        return None


def test_workers_have_no_login_to_the_databases_of_airflow_and_mlflow(local: Path):
    pids = [Supervisor(local).states()[name].pid for name in WORKERS]
    given = {
        process.pid: environment
        for pid in pids
        for process in family(pid)
        if (environment := environment_of(process)) is not None
    }

    assert set(pids) <= set(given), "the workers themselves were read"
    withheld = set(NOT_FOR_WORKERS)
    assert [pid for pid, environment in given.items() if withheld & environment.keys()] == []


def test_backups_run_beside_the_files_that_they_need(local: Path):
    airflow = LocalAirflow.from_environment(read_environment(local))
    airflow.wait_for_dag(names.DAG_BACK_UP)

    run_id = airflow.trigger(names.DAG_BACK_UP, {})
    airflow.wait_for_run(names.DAG_BACK_UP, run_id)

    logs = local / "airflow" / "logs" / f"dag_id={names.DAG_BACK_UP}" / f"run_id={run_id}"
    assert list(logs.rglob("*.log")), "run on the platform's machine, not by a worker"
    parts = {file.part for file in read_manifest(finished_backups(local / "backups")[-1]).files}
    assert {"databases", "artifacts"} <= parts
