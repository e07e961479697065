"""The command `airflow`, run on the tests' own Airflow (see conftest)."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select

from tests.watched_command import wait_until_ended

# A command is a fork of a process that has imported Airflow, which takes longer than most commands
_COMMANDS = multiprocessing.get_context("forkserver")
_COMMANDS.set_forkserver_preload(["tests.dags.airflow_libraries"])
LEVEL = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"}
"""Commands say more than what runs in the tests' own process."""


def run_airflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``airflow ARGUMENTS``, with ``environment`` on top of this process's own."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        process = _COMMANDS.Process(
            target=_become_airflow,
            args=(arguments, os.environ | LEVEL | environment, out.name, err.name),
        )
        process.start()
        wait_until_ended(
            process.pid,
            lambda: process.exitcode is not None,
            (out, err),
            what=f"airflow {' '.join(arguments)}",
        )
        output = [Path(file.name).read_text("utf-8", "replace") for file in (out, err)]
    return subprocess.CompletedProcess(["airflow", *arguments], process.exitcode, *output)


def _become_airflow(
    arguments: tuple[str, ...], environment: Mapping[str, str], out: str, err: str
) -> None:
    """Be the command: with its own environment, arguments and output, and no warnings."""
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        with open(path, "ab") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("ignore")
    sys.argv = ["airflow", *arguments]

    from airflow.__main__ import main

    main()


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
