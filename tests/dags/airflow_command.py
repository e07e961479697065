"""The command `airflow`, run on the tests' own Airflow (see conftest)."""

import os
import subprocess
import sys

from sqlalchemy import select

from tests.watched_command import run_watched


def run_airflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``airflow ARGUMENTS``, with ``environment`` on top of this process's own."""
    return run_watched(
        [sys.executable, "-W", "ignore", "-m", "airflow", *arguments],
        env=os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"} | environment,
    )


def stored_run_ids(dag_id: str) -> list[str]:
    """Return the ids of a DAG's runs, from Airflow's database: its command takes seconds."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        return list(session.scalars(select(DagRun.run_id).where(DagRun.dag_id == dag_id)))


def airflow(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return the exit code of ``airflow ARGUMENTS`` and its output."""
    done = run_airflow(*arguments, **environment)
    return done.returncode, done.stdout + done.stderr
