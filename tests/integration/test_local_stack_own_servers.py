"""`make up` on the user's own PostgreSQL server and a live API, both reached over real sockets."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from include import names
from include.demo.database_checks import verify_months
from include.errors import FixSettingsError
from include.local_stack import postgres
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.postgres import databases_on_server, ensure_databases
from include.local_stack.state import read_environment, read_state
from include.local_stack.status import stack_status
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.store.engine import make_engine
from tests.conftest import free_port
from tests.watched_command import run_watched

SITE, MONTH = "cooking", "2023-01"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own_server() -> Iterator[str]:
    """URL of a server over TCP that asks for a password, as a user's does; no database is made."""
    folder, port = Path(tempfile.mkdtemp(prefix="tagkeeper-own-postgres-")), free_port()
    data = postgres.cluster(folder)
    postgres.initialise(data, "a secret")
    account = postgres.server_account()
    programs = postgres.binaries()
    process = subprocess.Popen(
        [
            *(str(programs / "postgres"), "-D", str(data), "-k", ""),
            *("-h", "127.0.0.1", "-p", str(port), "-c", "max_connections=200"),
        ],
        cwd="/",
        user=account,
        group=account,
        extra_groups=None if account is None else [],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"postgresql://postgres:a%20secret@127.0.0.1:{port}/questions"
    try:
        postgres.wait_until_ready(url)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def execute(url: str, statement: str) -> None:
    admin = create_engine(
        make_url(url).set(drivername="postgresql+psycopg2", database="postgres"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


def test_a_user_who_may_not_create_databases_gets_their_names(own_server: str):
    execute(own_server, "CREATE ROLE tagger LOGIN PASSWORD 'pw'")
    url = make_url(own_server).set(username="tagger", password="pw", database="tags")

    with pytest.raises(FixSettingsError, match=f"tags, {names.DATABASE_AIRFLOW}"):
        ensure_databases(databases_on_server(url.render_as_string(hide_password=False)))


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_platform_runs_on_the_users_server_and_a_live_api(own_server: str, tmp_path: Path):
    made = simulate(months=1, questions_per_month=30, events=(), site=SITE)
    with running(SandboxApi(SITE, QuestionIndex(made.questions))) as api_url:
        environment = os.environ | {
            "LOCAL_DIR": str(tmp_path),
            "DATABASE_URL": own_server,
            "LIVE": "1",
            "SITE": SITE,
            "STACKEXCHANGE_API_URL": api_url,
        }

        def command(name: str) -> str:
            done = run_watched([sys.executable, "-m", "include.cli", name], env=environment)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        command("up")
        try:
            variables = read_environment(tmp_path)
            running_now = {line.name for line in stack_status(tmp_path)}
            airflow = LocalAirflow.from_environment(variables)
            airflow.wait_for_dag(names.DAG_INGEST)
            airflow.begin_backfill(names.DAG_INGEST, MONTH, MONTH)
            airflow.wait_for_backfill(names.DAG_INGEST, MONTH, MONTH)
            engine = make_engine(databases_on_server(own_server).platform)
            stored = verify_months(engine, SITE, [MONTH])
            engine.dispose()
        finally:
            command("down")

    assert {"postgres", "sandbox"} & running_now == set()
    assert make_url(variables["DATABASE_URL"]).port == make_url(own_server).port
    assert stored == len(made.questions)
    state = read_state(tmp_path)
    assert state is not None
    assert state.options.api_url == api_url
    postgres.wait_until_ready(own_server)
