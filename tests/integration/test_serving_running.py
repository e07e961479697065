"""The service as it runs: gunicorn with two workers, real PostgreSQL, a registry over HTTP."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from sqlalchemy import text

from include.jobs.drift.checks import Monitoring
from include.jobs.release import ab_testing as ab_test
from include.registry import Registry
from include.settings import Settings
from include.store.tag_names import store_synonyms
from include.tag_names import TagSynonym
from serving.keys import add_key
from serving.spool import spool_state
from tests.serving.ledger import make_champion
from tests.serving.running import ROOT, RunningService, until
from tests.serving.stub_registry import StubRegistry
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration

QUESTION = {"title": "How do I read a file?", "body": "<p>In python.</p>"}


@pytest.fixture
def registry(tmp_path):
    with StubRegistry() as made:
        made.add("1", save_model(tmp_path / "one", "python", "sql"))
        made.add("2", save_model(tmp_path / "two", "rust", "go"))
        yield made


@pytest.fixture
def service(tmp_path, registry, database_url):
    folder = tmp_path / "service"
    folder.mkdir()
    make_champion(database_url, registry, "1")
    with RunningService(folder, database_url=database_url, registry_url=registry.url) as running:
        yield running


def ask(service) -> requests.Response:
    return requests.post(f"{service.url}/predict", json=QUESTION, timeout=10)


def stored(engine) -> list[str]:
    with engine.connect() as connection:
        return list(
            connection.execute(text("SELECT prediction_id::text FROM predictions")).scalars()
        )


def metric(service, sample: str) -> list[float]:
    lines = requests.get(f"{service.url}/metrics", timeout=10).text.splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith(sample)]


def test_answers_are_in_postgres_within_two_seconds(service, engine):
    ids = {ask(service).json()["prediction_id"] for _ in range(20)}

    assert until(lambda: set(stored(engine)) == ids, quiet_s=2.0)


def test_new_champion_answers_within_five_seconds(service, registry, database_url):
    assert ask(service).json()["model_version"] == "1"
    make_champion(database_url, registry, "2")

    assert until(lambda: set(metric(service, "app_model_version{")) == {2.0}, quiet_s=5.0)
    answers = {ask(service).json()["model_version"] for _ in range(20)}
    assert answers == {"2"}


def test_retired_and_renamed_tags_are_gone_within_ten_seconds_in_every_worker(service, engine):
    assert {item["tag"] for item in ask(service).json()["tags"]} == {"python", "sql"}
    with engine.begin() as connection:
        known = [TagSynonym("python", "python-language"), TagSynonym("sql", None)]
        store_synonyms(connection, "sandbox", known, "file", complete=True)

    def suggested() -> set[str]:
        answers = [ask(service).json()["tags"] for _ in range(10)]
        return {item["tag"] for answer in answers for item in answer}

    assert until(lambda: suggested() == {"python-language"}, quiet_s=10.0)


def test_alias_moved_in_the_registry_alone_is_not_followed(service, registry):
    registry.aliases["champion"] = "2"

    assert until(
        lambda: metric(service, 'app_model_failures_total{step="ledger"}') not in ([], [0.0])
    )
    assert ask(service).json()["model_version"] == "1"
    assert "tampered" in requests.get(f"{service.url}/readyz", timeout=10).json()["problem"]


def test_counters_are_summed_over_the_workers(service):
    assert until(lambda: len(metric(service, "app_model_version{")) == 2)
    for _ in range(30):
        ask(service)

    answered = 'app_predictions_total{variant="champion"}'
    assert until(lambda: metric(service, answered) == [30.0], quiet_s=1.0)
    assert until(lambda: metric(service, "app_prediction_time_seconds_count") == [30.0])


def test_killed_workers_lose_no_row(service, engine):
    ids = set()
    for _ in range(3):
        ids |= {ask(service).json()["prediction_id"] for _ in range(20)}
        for worker in service.workers():
            worker.kill()
        service.wait_ready()

    assert until(lambda: spool_state(service.folder / "spool")[0] == 0)
    rows = stored(engine)
    assert set(rows) == ids
    assert len(rows) == len(ids)


def test_restart_without_the_registry_serves_the_cached_model(service, registry):
    registry.unavailable = True
    service.kill_all()
    service.start()
    service.wait_ready()

    assert ask(service).json()["model_version"] == "1"
    assert until(lambda: "503" in str(requests.get(f"{service.url}/readyz").json()["problem"]))


def test_shutdown_is_fast_and_drains_the_spool(service, engine):
    prediction_id = ask(service).json()["prediction_id"]
    began = time.monotonic()

    assert service.stop() == 0
    assert time.monotonic() - began < 10
    assert spool_state(service.folder / "spool")[0] == 0
    assert prediction_id in stored(engine)


def test_full_disk_answers_503_and_loses_nothing(service, engine):
    """A limit on file sizes makes the spool's writes fail as a full disk does."""
    # A worker that still starts would not start with such a limit
    assert until(lambda: len(metric(service, "app_model_version{")) == 2)
    assert ask(service).status_code == 200
    limits = {}
    for worker in service.workers():
        limits[worker.pid] = worker.rlimit(resource.RLIMIT_FSIZE)
        worker.rlimit(resource.RLIMIT_FSIZE, (0, limits[worker.pid][1]))
    refused = [ask(service) for _ in range(5)]
    for pid, limit in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)

    assert {answer.status_code for answer in refused} == {503}
    assert refused[0].json()["type"] == "urn:tagkeeper:problem:cannot_record"
    assert ask(service).status_code == 200
    assert until(lambda: len(stored(engine)) == 2)


def test_hourly_check_reads_the_recorded_predictions(service, engine, registry, database_url):
    asked = [{"title": f"question {number}", "body": "<p>In python.</p>"} for number in range(7)]
    for question in asked[:3]:
        requests.post(f"{service.url}/predict", json=question, timeout=10)
    requests.post(f"{service.url}/predict", json=[*asked[3:], asked[0]], timeout=10)
    assert until(lambda: len(stored(engine)) == 8)
    settings = Settings(database_url=database_url, mlflow_tracking_uri=registry.url, site="sandbox")
    monitoring = Monitoring.from_settings(settings)
    hour = (datetime.now(UTC) - timedelta(minutes=30), datetime.now(UTC) + timedelta(minutes=30))

    report = monitoring.report(monitoring.check_predictions(*hour)).report

    assert (report.model_version, report.verdict) == ("1", "too_few")
    assert report.question_count == len(asked)  # the one asked twice counts once


def test_ab_test_splits_the_traffic_within_seconds_and_stops_as_fast(service, registry, engine):
    versions = Registry(registry.url)
    ab_test.start(
        engine,
        versions,
        challenger_version="2",
        share=0.5,
        shadow=False,
        actor="test",
        reason="to see",
    )

    def answering() -> set[str]:
        asked = [{**QUESTION, "client": str(number)} for number in range(40)]
        answers = requests.post(f"{service.url}/predict", json=asked, timeout=10).json()
        return {answer["model_version"] for answer in answers}

    assert until(lambda: answering() == {"1", "2"})
    ab_test.stop(engine, versions, actor="test", reason="seen")
    assert until(lambda: all(answering() == {"1"} for _ in range(5)))


def start_beyond_loopback(tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "LOCAL_DIR": str(tmp_path / "local"),
        "SERVICE_HOST": "0.0.0.0",
        "SERVICE_PORT": "0",
        "PYTHONPATH": str(ROOT),
        **more,
    }
    command = [
        *(sys.executable, "-m", "gunicorn", "-c", "serving/gunicorn_conf.py"),
        *("--check-config", "serving:create_app()"),
    ]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_service_beyond_loopback_does_not_start_without_keys(tmp_path):
    done = start_beyond_loopback(tmp_path)

    assert done.returncode != 0
    assert "tagkeeper keys add" in done.stderr


def test_service_beyond_loopback_starts_with_keys(tmp_path):
    add_key(tmp_path / "keys", "ann")

    done = start_beyond_loopback(tmp_path, SERVICE_API_KEYS_FILE=str(tmp_path / "keys"))

    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="the machine has no IPv6")
def test_service_answers_on_an_ipv6_address(tmp_path, registry, database_url):
    folder = tmp_path / "service"
    folder.mkdir()
    make_champion(database_url, registry, "1")
    running = RunningService(
        folder,
        database_url=database_url,
        registry_url=registry.url,
        environment={"SERVICE_HOST": "::1"},
    )
    running.url = f"http://[::1]:{running.port}"
    with running:
        assert ask(running).status_code == 200
        refused = requests.get(
            f"{running.url}/model", headers={"Host": "[2001:db8::1]:8000"}, timeout=10
        )
    assert refused.status_code == 421
