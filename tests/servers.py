"""
Real servers that all workers of one test run share.

The first test that needs a server starts it, whichever worker it runs in; the process that began
the run stops all of them. What is known of a server stands in a file of the run's folder, which a
lock guards.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from filelock import FileLock
from psycopg2.errors import ObjectInUse
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from include.errors import FixSettingsError, RetryLaterError
from include.local_stack import postgres
from include.local_stack.ports import reserved_ports
from include.local_stack.process_time import family, processor_seconds
from include.local_stack.waiting import wait_for
from include.store.engine import make_engine
from include.store.migrations import migrate

# The databases are thrown away: no test needs them to survive a power failure
POSTGRES_SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "max_connections=200",
    "shared_buffers=64MB",
)
STOP_TIMEOUT_S = 30


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, and the group of its processes."""

    url: str
    pid: int


def shared_server(folder: Path, name: str, start: Callable[[Path], Server]) -> str:
    """Return the address of the run's server ``name``; start it in ``folder``/name if need be."""
    noted = folder / f"{name}.json"
    with FileLock(folder / f"{name}.lock"):
        if not noted.exists():
            (folder / name).mkdir(exist_ok=True)  # a first try may have failed
            noted.write_text(json.dumps(asdict(start(folder / name))))
        return str(json.loads(noted.read_text())["url"])


def migrated_database(folder: Path, server: str) -> str:
    """Return the name of the run's database with the whole schema, to be copied for a test."""
    noted = folder / "template"
    with FileLock(folder / "template.lock"):
        if not noted.exists():
            name = f"template_{uuid.uuid4().hex[:8]}"
            administer(server, f"CREATE DATABASE {name}")
            engine = make_engine(database_on(server, name))
            migrate(engine)
            engine.dispose()
            noted.write_text(name)
        return noted.read_text()


def database_on(server: str, name: str) -> str:
    """Return the URL of a database on a server."""
    url = make_url(server).set(drivername="postgresql+psycopg2", database=name)
    return url.render_as_string(hide_password=False)


def administer(server: str, statement: str) -> None:
    """Run a statement that takes no transaction, as CREATE DATABASE."""
    admin = create_engine(database_on(server, "postgres"), isolation_level="AUTOCOMMIT")

    def done() -> bool:
        try:
            with admin.connect() as connection:
                connection.execute(text(statement))
        except OperationalError as error:
            if isinstance(error.orig, ObjectInUse):  # a session of the template ends just now
                raise RetryLaterError(str(error.orig)) from error
            raise
        return True

    wait_for(done, what=f"not done: {statement}", pause_s=0.5)
    admin.dispose()


def stop_servers(folder: Path) -> None:
    """Stop every server that a worker started, and delete the run's folder."""
    for noted in folder.glob("*.json"):
        _stop(json.loads(noted.read_text())["pid"])
    shutil.rmtree(folder, ignore_errors=True)


def start_postgres(folder: Path) -> Server:
    """Start PostgreSQL on a socket in ``folder``, with settings that trade durability for speed."""
    account = postgres.server_account()
    if account is not None:
        folder.parent.chmod(0o711)
        shutil.chown(folder, account)
    postgres.initialise(folder / "data", uuid.uuid4().hex)
    (folder / "data" / "pg_hba.conf").write_text("local all all trust\n")
    process = _start(
        [
            *(str(postgres.binaries() / "postgres"), "-D", str(folder / "data")),
            *("-h", "", "-k", str(folder)),
            *(part for setting in POSTGRES_SETTINGS for part in ("-c", setting)),
        ],
        folder / "server.log",
        cwd="/",
        user=account,
        group=account,
        extra_groups=None if account is None else [],
    )
    url = f"postgresql://postgres@/postgres?host={folder}"
    postgres.wait_until_ready(url)
    return Server(url, process.pid)


def start_mlflow(folder: Path) -> Server:
    """Start an MLflow server that serves artifacts, on SQLite in ``folder``."""
    with reserved_ports({"mlflow": 15500}) as ports:
        url = f"http://127.0.0.1:{ports['mlflow']}"
        process = _start(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                *("--port", str(ports["mlflow"]), "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(folder / "artifacts")),
            ],
            folder / "server.log",
            cwd=folder,
            env=os.environ
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
        wait_until_healthy(f"{url}/health", process, folder / "server.log")
    return Server(url, process.pid)


def _start(command: Sequence[str], log: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start a server in its own group of processes, with its output in ``log``."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options
        )


def _stop(pid: int) -> None:
    """End a server and its children; the worker that started it may be gone."""
    processes = family(pid)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
    _, left = psutil.wait_procs(processes, timeout=STOP_TIMEOUT_S)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _worked(pid: int) -> int:
    """Return the seconds of processor time that a server has used."""
    return round(sum(processor_seconds(process) for process in family(pid)))


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when ``url`` answers; fail with the log if the server has ended or stands still."""

    def answers() -> bool:
        if process.poll() is not None:
            raise FixSettingsError(f"the server has ended:\n{log.read_text()[-2000:]}")
        try:
            return requests.get(url, timeout=5).ok
        except requests.RequestException:
            return False

    wait_for(
        answers,
        what=f"{url} does not answer",
        progress=lambda: (log.stat().st_size, _worked(process.pid)),
        explain=lambda: log.read_text()[-2000:],
        pause_s=0.2,
    )
