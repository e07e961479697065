"""The platform that tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from include import names
from include.demo.database_checks import champion_promotion
from include.demo.service_client import wait_for_version
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.state import read_environment
from include.store.engine import make_engine
from include.store.models import Promotion
from tests.integration.shared_stack import MONTHS, command
from tests.notice_servers import SlackStandIn, slack_stand_in


@pytest.fixture(scope="session")
def slack_of_stack() -> Iterator[SlackStandIn]:
    """The stand-in for Slack to which the shared platform posts."""
    with slack_stand_in() as server:
        yield server


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, slack_of_stack: SlackStandIn) -> Iterator[Path]:
    """The folder of the shared platform, which runs."""
    folder = tmp_path_factory.mktemp("stack")
    started = command(folder, "up", SLACK_WEBHOOK_URL=slack_of_stack.url)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield folder
    finally:
        command(folder, "down")
        if keep := os.environ.get("KEEP_STACK"):
            shutil.copytree(folder, keep, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def first_champion(local: Path) -> Promotion:
    """The first model that the shared platform serves: Airflow has ingested `MONTHS` and trained it."""
    environment = read_environment(local)
    airflow = LocalAirflow.from_environment(environment)
    for dag_id in (names.DAG_INGEST, names.DAG_TRAIN):
        airflow.wait_for_dag(dag_id)
    airflow.begin_backfill(names.DAG_INGEST, MONTHS[0], MONTHS[-1])
    airflow.wait_for_backfill(names.DAG_INGEST, MONTHS[0], MONTHS[-1])
    conf = {"test_month": MONTHS[-1], "candidates": ["frequency", "tfidf"], "reason": "a test"}
    airflow.wait_for_run(names.DAG_TRAIN, airflow.trigger(names.DAG_TRAIN, conf))
    engine = make_engine(environment["DATABASE_URL"])
    champion = champion_promotion(engine)
    engine.dispose()
    wait_for_version(environment["SERVICE_URL"], champion.to_version)
    return champion
