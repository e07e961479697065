"""A canary in every secret setting is in no answer, log, mail, page, task result or file."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from include.drift.evidently_workspace import EvidentlyServer, remove_pages
from include.errors import RetryLaterError
from include.jobs.notifications import compose
from include.jobs.release.ab_testing import ended_test_mail, run_action
from include.notify.mail import message
from include.settings import Settings
from serving.keys import add_key
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService
from tests.serving.stub_registry import StubRegistry
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration

CANARY = "c4n4ry-of-a-secret"


@pytest.fixture
def registry(tmp_path):
    with StubRegistry() as made:
        for version in ("1", "2"):
            made.add(version, save_model(tmp_path / version, "python", f"sql{version}"))
        yield made


@pytest.fixture
def environment(database_url, registry, tmp_path):
    """Every secret setting, each with the canary, and all of them in use."""
    url = make_url(database_url)
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        if not connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = 'canary'")).scalar():
            connection.execute(text(f"CREATE ROLE canary SUPERUSER LOGIN PASSWORD '{CANARY}'"))
    with_password = url.set(username="canary", password=CANARY)
    key = add_key(tmp_path / "keys", "ann")
    return {
        "DATABASE_URL": with_password.render_as_string(hide_password=False),
        "MLFLOW_TRACKING_URI": registry.url.replace("://", f"://canary:{CANARY}@"),
        "MLFLOW_TRACKING_TOKEN": CANARY,
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": CANARY,
        "STACKEXCHANGE_KEY": CANARY,
        "SLACK_WEBHOOK_URL": f"http://127.0.0.1:9/{CANARY}",
        "SERVICE_SECRET": CANARY,
        "AIRFLOW_DATABASE_URL": f"postgresql://canary:{CANARY}@127.0.0.1:9/airflow",
        "MLFLOW_BACKEND_STORE_URI": f"postgresql://canary:{CANARY}@127.0.0.1:9/mlflow",
        "ALERT_SMTP_PASSWORD": CANARY,
        "ALERT_WEBHOOK_TOKEN": CANARY,
        "EVIDENTLY_SECRET": CANARY,
        "SERVICE_API_KEYS_FILE": str(tmp_path / "keys"),
        "key": key,
    }


def test_every_secret_setting_has_the_canary(environment):
    secret = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }

    assert secret <= environment.keys()
    assert all(CANARY in environment[name] for name in secret)


def answers_of(service: RunningService, key: str) -> str:
    """Everything that the service tells, headers included."""
    headers, shown = {"X-API-Key": key}, []
    for path in ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/model", "/nothing"):
        shown.append(requests.get(service.url + path, headers=headers, timeout=10))
    for body in ({"title": "python?"}, {"title": 5}, [{"title": "sql"}]):
        shown.append(
            requests.post(f"{service.url}/predict", json=body, headers=headers, timeout=10)
        )
    shown.append(requests.post(f"{service.url}/predict", json={"title": "x"}, timeout=10))
    return "\n".join(f"{answer.headers}\n{answer.text}" for answer in shown)


def files_with_canary(folder: Path) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


def test_service_shows_no_secret(environment, registry, database_url, tmp_path):
    key = environment.pop("key")
    folder = tmp_path / "service"
    folder.mkdir()
    make_champion(database_url, registry, "1")
    with RunningService(
        folder,
        database_url=environment["DATABASE_URL"],
        registry_url=environment["MLFLOW_TRACKING_URI"],
        environment=environment,
    ) as service:
        told = answers_of(service, key)
        registry.authorization = "Bearer another"
        deadline = time.monotonic() + 20
        while requests.get(f"{service.url}/readyz", timeout=10).json()["problem"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        told += answers_of(service, key)

    assert "MLFLOW_TRACKING_USERNAME" in told
    assert CANARY not in told
    assert key not in told
    assert files_with_canary(folder) == []


def test_jobs_show_no_secret_in_results_mails_and_errors(
    environment, registry, database_url, caplog, monkeypatch
):
    environment.pop("key")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    make_champion(database_url, registry, "1")
    settings = Settings.from_env()
    shown = [repr(settings), settings.model_dump_json()]
    asked = {"action": "start", "version": "2", "share": 0.5, "shadow": False, "reason": "to see"}
    shown.append(json.dumps(run_action(settings, asked, actor="run")))
    shown.append(json.dumps(run_action(settings, {"action": "stop"}, actor="run"), default=str))
    facts = ended_test_mail(settings).to_dict()
    told = compose(settings, {"kind": "ab_test", "facts": facts, "run": "r"})
    shown += [told.slack, message(told.mail, sender="a@b.c", recipients="d@e.f").as_string()]
    registry.authorization = "Bearer another"
    with pytest.raises(Exception, match="check the login") as refused:
        run_action(settings, asked, actor="run")
    evidently = EvidentlyServer("http://127.0.0.1:9", settings.evidently_secret.get_secret_value())
    with pytest.raises(RetryLaterError) as away:
        remove_pages(evidently, "sandbox", "a check")
    shown += [repr(evidently), str(away.getrepr(style="long"))]
    shown += [str(refused.getrepr(style="long")), caplog.text]

    found = [re.findall(rf".*{CANARY}.*", part)[:3] for part in shown]

    assert found == [[]] * len(shown)
