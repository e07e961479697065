"""What `make status` tells people besides the processes, from an env file and a real database."""

from __future__ import annotations

import pytest

from include.local_stack.status import logins, next_step

pytestmark = pytest.mark.integration

ENVIRONMENT = {
    "AIRFLOW_URL": "http://127.0.0.1:8080",
    "AIRFLOW_USER": "admin",
    "AIRFLOW_PASSWORD": "secret",
    "SERVICE_URL": "http://127.0.0.1:8000",
    "MLFLOW_URL": "http://127.0.0.1:5000",
    "EVIDENTLY_URL": "http://127.0.0.1:8085",
    "SITE": "sandbox",
}


@pytest.fixture
def local(tmp_path, database_url):
    """The folder of a new installation: nothing is stored yet."""
    lines = (ENVIRONMENT | {"DATABASE_URL": database_url}).items()
    text = "".join(f"export {name}={value}\n" for name, value in lines)
    (tmp_path / "env").write_text(text, encoding="utf-8")
    return tmp_path


def test_overview_is_the_first_address(local):
    assert logins(local)[0] == ("Overview", "http://127.0.0.1:8080/plugin/overview")


def test_a_new_installation_is_told_the_first_step(local):
    assert next_step(local).startswith("No question of sandbox is stored. Open the DAG")
    assert next_step(local).endswith("(ingest_questions)")


def test_without_postgresql_no_step_is_told(local):
    env = local / "env"
    lines = env.read_text(encoding="utf-8").splitlines()
    gone = "export DATABASE_URL=postgresql+psycopg2://nobody@127.0.0.1:1/none"
    env.write_text("\n".join([*lines[:-1], gone]) + "\n", encoding="utf-8")

    assert next_step(local) == ""
