"""Fixtures that more than one kind of test needs: real PostgreSQL and MLflow, the real questions."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine

from include.questions import Question
from include.registry import Registry
from include.store.engine import make_engine
from tests.groups import group_of, rank
from tests.servers import (
    administer,
    database_on,
    migrated_database,
    shared_server,
    start_mlflow,
    start_postgres,
    stop_servers,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.notice_servers import MailHost, SlackStandIn

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


FOLDER_KEY = pytest.StashKey[Path]()
"""The run's folder of shared servers."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder of shared servers, or take that of the process that began the run."""
    given = getattr(config, "workerinput", {}).get("servers")
    # Not under pytest's base folder: another run of pytest prunes old numbered folders there
    folder = Path(given or tempfile.mkdtemp(prefix="tagkeeper-tests-"))
    config.stash[FOLDER_KEY] = folder
    # What writes below LOCAL_DIR by default must not leave files in the repository
    os.environ["LOCAL_DIR"] = str(folder / "local")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the run's folder."""
    node.workerinput["servers"] = str(node.config.stash[FOLDER_KEY])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers at the end of the run, when all workers have ended."""
    if not hasattr(config, "workerinput"):
        stop_servers(config.stash[FOLDER_KEY])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first, and refuse a whole platform outside its group."""
    items.sort(key=lambda item: rank(item.nodeid))
    for item in items:
        if item.get_closest_marker("stack") and "stack" not in group_of(item.nodeid):
            raise pytest.UsageError(f"{item.nodeid}: see tests/groups.py for tests of a platform")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole groups to the workers of pytest-xdist."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return GroupScheduling(config, log)


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """The run's folder of shared servers."""
    return pytestconfig.stash[FOLDER_KEY]


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> str:
    """URL of a real PostgreSQL server's maintenance database; TEST_DATABASE_URL uses yours."""
    return os.environ.get("TEST_DATABASE_URL") or shared_server(
        run_folder, "postgres", start_postgres
    )


@pytest.fixture(scope="session")
def migrated_template(run_folder: Path, postgres_server: str) -> str:
    """Name of a database with the whole schema, to be copied for each test."""
    return migrated_database(run_folder, postgres_server)


@contextmanager
def own_database(server: str, template: str) -> Iterator[str]:
    """Give the URL of a copy of the template database, dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    administer(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield database_on(server, name)
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


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
def mlflow_server(run_folder: Path) -> str:
    """Address of a real MLflow server that serves artifacts; TEST_MLFLOW_URI uses yours."""
    return os.environ.get("TEST_MLFLOW_URI") or shared_server(run_folder, "mlflow", start_mlflow)


@pytest.fixture
def registry(mlflow_server: str) -> Registry:
    """A registered model of its own on the real server: no versions, no aliases."""
    return Registry(mlflow_server, model=f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def mails() -> Iterator[MailHost]:
    """A real mail host, which keeps what it gets."""
    from tests.notice_servers import mail_host

    with mail_host() as host:
        yield host


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    """A stand-in for Slack's incoming webhook, over real HTTP."""
    from tests.notice_servers import slack_stand_in

    with slack_stand_in() as server:
        yield server


def chromium_path() -> str | None:
    """Return the browser's program, that of CHROMIUM if it is set; None if there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; tests are skipped where it or playwright is absent."""
    playwright_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed"
    )
    chromium = chromium_path()
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
