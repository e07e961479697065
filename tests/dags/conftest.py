"""A real Airflow for the tests: home in a temporary folder, metadata in SQLite."""

import atexit
import json
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from include import names
from include.sandbox.simulator import simulate
from include.store.questions import upsert_questions
from tests.conftest import free_port, own_database
from tests.dags.airflow_command import airflow

ROOT = Path(__file__).resolve().parents[2]

# Airflow reads its settings when it is first imported, so they are set before any test is collected.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="airflow-tests-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(AIRFLOW_HOME / "logs"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
}


@pytest.fixture(scope="session")
def dags() -> dict:
    """Return every DAG of the project by id, as Airflow's parser loads them."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"), collect_dags=False)
    bag.collect_dags(str(ROOT / "dags"), safe_mode=False)
    assert bag.import_errors == {}
    return dict(bag.dags)


@pytest.fixture(scope="session")
def metadata() -> None:
    """Airflow's own database, and the pool in which `dags test` runs trainings."""
    for arguments in (("db", "migrate"), ("pools", "set", names.POOL_TRAINING, "2", "training")):
        code, output = airflow(*arguments)
        assert code == 0, output


@pytest.fixture(scope="session")
def known_dags(metadata) -> None:
    """Airflow's database with every DAG in it: a trigger asks for the DAG that it starts."""
    code, output = airflow("dags", "reserialize")
    assert code == 0, output


@pytest.fixture
def platform(metadata, database_url, engine, mlflow_server) -> dict[str, str]:
    """The environment of a platform with five months of questions."""
    site = f"test-{uuid.uuid4().hex[:8]}"
    made = simulate(
        seed=6, first_month="2023-01", months=5, questions_per_month=60, events=(), site=site
    )
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)
    return {
        "DATABASE_URL": database_url,
        "MLFLOW_TRACKING_URI": mlflow_server,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "SITE": site,
        "BOOTSTRAP_SAMPLES": "200",
    }


@pytest.fixture(scope="module")
def api_server(known_dags) -> Iterator[str]:
    """Address of an api-server with our DAGs and plugins; its login is in the environment."""
    import uvicorn
    from airflow.api_fastapi.app import create_app

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    running = uvicorn.Server(
        uvicorn.Config(create_app(apps="core"), host="127.0.0.1", port=port, log_level="warning")
    )
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.05)
    passwords = json.loads(
        (AIRFLOW_HOME / "simple_auth_manager_passwords.json.generated").read_text()
    )
    (user, password), *_ = passwords.items()
    with pytest.MonkeyPatch.context() as at:
        at.setenv("AIRFLOW_URL", url)
        at.setenv("AIRFLOW_USER", user)
        at.setenv("AIRFLOW_PASSWORD", password)
        yield url
    running.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def web(metadata, postgres_server: str, migrated_template: str) -> Iterator:
    """Airflow's web app with our plugins, on its own metadata and an empty platform."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with (
        own_database(postgres_server, migrated_template) as url,
        pytest.MonkeyPatch.context() as at,
    ):
        at.setenv("DATABASE_URL", url)
        at.setenv("SITE", "stackoverflow")
        at.setenv("MLFLOW_URL", "http://mlflow:5000")
        client = TestClient(create_app(apps="core"))
        client.database_url = url
        yield client


@pytest.fixture
def login(web):
    """Log the client in as a user with a role; None is nobody."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def log_in(role: str | None) -> None:
        user = SimpleAuthManagerUser(username="ann", role=role)
        web.cookies.set(COOKIE_NAME_JWT_TOKEN, get_auth_manager().generate_jwt(user))

    web.cookies.clear()
    yield log_in
    web.cookies.clear()
