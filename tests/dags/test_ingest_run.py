"""`ingest_questions` run by a real Airflow: real HTTP on one side, real PostgreSQL on the other."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from include.jobs.ingestion.completeness import stored_completely
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.store.label_readings import read_label_agreements
from include.store.questions import questions_per_month
from tests.dags.airflow_command import airflow

pytestmark = pytest.mark.integration


@pytest.fixture
def site(metadata, database_url) -> Iterator[dict[str, str]]:
    """The environment of a run against a sandbox site with questions of two months."""
    simulation = simulate(months=2, questions_per_month=150, events=())
    with running(SandboxApi("sandbox", QuestionIndex(simulation.questions))) as api_url:
        yield {
            "DATABASE_URL": database_url,
            "SITE": "sandbox",
            "STACKEXCHANGE_API_URL": api_url,
            "INGEST_WINDOW_DAYS": "16",
        }


def test_run_stores_the_month_that_it_names(site, engine):
    code, output = airflow(
        "dags", "test", "ingest_questions", "--conf", '{"month": "2023-02"}', **site
    )
    assert code == 0, output[-4000:]
    with engine.connect() as connection:
        stored = questions_per_month(connection, "sandbox")
    assert list(stored) == ["2023-02"]
    assert f"'month': '2023-02', 'questions': {stored['2023-02']}" in output
    assert "rendered_map_index='2023-02-17 to 2023-02-28'" in output


def test_tags_of_a_stored_month_are_read_a_second_time(site, engine):
    conf = '{"month": "2023-02"}'
    code, output = airflow("dags", "test", "ingest_questions", "--conf", conf, **site)
    assert code == 0, output[-4000:]
    code, output = airflow("dags", "test", "settle_labels", "--conf", conf, **site)
    assert code == 0, output[-4000:]
    with engine.connect() as connection:
        stored = questions_per_month(connection, "sandbox")["2023-02"]
        [found] = read_label_agreements(connection, "sandbox")
    assert (found.month, found.question_count) == ("2023-02", stored)


def test_recent_run_stores_the_days_before_the_date_and_leaves_the_month_incomplete(site, engine):
    code, output = airflow(
        "dags", "test", "ingest_recent", "--conf", '{"until": "2023-02-11"}', **site
    )
    assert code == 0, output[-4000:]
    assert "'days_left': []" in output
    assert "'stored_until': '2023-02-11T00:00:00+00:00'" in output
    with engine.connect() as connection:
        assert questions_per_month(connection, "sandbox")["2023-02"] > 10
        assert stored_completely(connection, "sandbox", "2023-02") is False


def test_run_with_a_wrong_site_fails_at_once(site):
    wrong = site | {"SITE": "no-such-site", "INGEST_WINDOW_DAYS": "31"}
    code, output = airflow(
        "dags", "test", "ingest_questions", "--conf", '{"month": "2023-02"}', **wrong
    )
    assert code != 0
    assert "no-such-site" in output
    assert "Retry policy decision" in output
    assert "new_state=up_for_retry" not in output


def test_secrets_are_in_no_table_or_log_of_airflow(site, engine):
    canary = "c4n4ry-in-airflow"
    url = make_url(site["DATABASE_URL"])
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        if not connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = 'airy'")).scalar():
            connection.execute(text(f"CREATE ROLE airy SUPERUSER LOGIN PASSWORD '{canary}'"))
    with_login = url.set(username="airy", password=canary)
    secrets = {
        "DATABASE_URL": with_login.render_as_string(hide_password=False),
        "MLFLOW_TRACKING_URI": f"http://airy:{canary}@127.0.0.1:9",
        "MLFLOW_TRACKING_TOKEN": canary,
        "STACKEXCHANGE_KEY": canary,
        "SLACK_WEBHOOK_URL": f"http://127.0.0.1:9/{canary}",
        "AIRFLOW_PASSWORD": canary,
        "SERVICE_SECRET": canary,
    }
    arguments = ("dags", "test", "ingest_questions", "--conf", '{"month": "2023-02"}')

    code, output = airflow(*arguments, **site | secrets)
    wrong = {"SITE": "no-such-site", "STACKEXCHANGE_API_URL": site["STACKEXCHANGE_API_URL"]}
    _, failed = airflow(*arguments, **site | secrets | wrong)

    home = Path(os.environ["AIRFLOW_HOME"])
    with sqlite3.connect(home / "airflow.db") as connection:
        results = connection.execute("SELECT count(*) FROM xcom").fetchone()[0]
    assert code == 0, output[-4000:]
    assert results > 0
    assert canary not in output + failed
    # By a process of its own: one that reads a file of SQLite loses its locks on it when it closes it
    holding = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--fixed-strings", canary, str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (holding.stdout, holding.stderr, holding.returncode) == ("", "", 1)
