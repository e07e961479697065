"""`ingest_questions` run by a real Airflow: real HTTP on one side, real PostgreSQL on the other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.sandbox.api import SandboxApi
from include.sandbox.archive import Archive
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.store.questions import questions_per_month

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.integration


def airflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "airflow", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
        env=os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"} | environment,
    )


@pytest.fixture(scope="module")
def metadata() -> None:
    done = airflow("db", "migrate")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def site(metadata, database_url) -> Iterator[dict[str, str]]:
    """The environment of a run against a sandbox site with questions of two months."""
    simulation = simulate(months=2, questions_per_month=150, events=())
    with running(SandboxApi("sandbox", Archive(simulation.questions))) as api_url:
        yield {
            "DATABASE_URL": database_url,
            "SITE": "sandbox",
            "STACKEXCHANGE_API_URL": api_url,
            "INGEST_WINDOW_DAYS": "16",
        }


def test_run_stores_the_month_that_it_names(site, engine):
    done = airflow("dags", "test", "ingest_questions", "--conf", '{"month": "2023-02"}', **site)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    with engine.connect() as connection:
        stored = questions_per_month(connection, "sandbox")
    assert list(stored) == ["2023-02"]
    assert f"'month': '2023-02', 'questions': {stored['2023-02']}" in output
    assert "rendered_map_index='2023-02-17 to 2023-02-28'" in output


def test_run_with_a_wrong_site_fails_at_once(site):
    wrong = site | {"SITE": "no-such-site", "INGEST_WINDOW_DAYS": "31"}
    done = airflow("dags", "test", "ingest_questions", "--conf", '{"month": "2023-02"}', **wrong)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "no-such-site" in output
    assert "Retry policy decision" in output
    assert "new_state=up_for_retry" not in output
