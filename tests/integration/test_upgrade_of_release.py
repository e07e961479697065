"""An installation of the first tagged version, made by that version's own code, works with today's."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from include import names
from include.registry import Registry
from include.sandbox.simulator import simulate
from include.store.engine import make_engine
from include.store.models import latest_promotion
from tests.conftest import own_database
from tests.own_mlflow import own_mlflow
from tests.serving.running import RunningService, until
from tests.watched_command import run_watched

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
RELEASED = "bb51d511e3bfe41440a48b176e72b54ac20f747d"
"""The commit of v0.1.0: a clone without its tags has it too."""
QUESTION = {"title": "How do I read a file with pandas?", "body": "<p>In python.</p>"}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first tagged version's files."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", RELEASED], capture_output=True)
    if archive.returncode:
        pytest.skip("this clone does not reach back to v0.1.0: git fetch --unshallow")
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def environment(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Settings of an empty installation, without the tests' own."""
    folder = tmp_path_factory.mktemp("installation")
    with (
        own_database(postgres_server, "template0") as url,
        own_mlflow(f"sqlite:///{folder}/mlflow.db", folder) as mlflow,
    ):
        yield os.environ | {
            "DATABASE_URL": url,
            "MLFLOW_TRACKING_URI": mlflow,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "LOCAL_DIR": str(folder),
            "SITE": "sandbox",
            "BOOTSTRAP_SAMPLES": "200",
        }


@pytest.fixture(scope="module")
def tagkeeper(environment: dict[str, str]) -> Callable[..., str]:
    """Run a command with the code of a folder; return its output."""

    def run(code: Path, *arguments: str) -> str:
        done = run_watched(
            [sys.executable, "-m", "include.cli", *arguments],
            cwd=code,
            env=environment | {"PYTHONPATH": str(code)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def installed(
    released: Path,
    environment: dict[str, str],
    tagkeeper: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What the first tagged version answers with the champion that it has trained."""
    made = simulate(
        seed=4, first_month="2023-01", months=4, questions_per_month=60, events=(), site="sandbox"
    )
    path = tmp_path_factory.mktemp("dump") / "questions.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "site": one.site,
                    "id": one.question_id,
                    "creation_date": one.asked_at.isoformat(),
                    "title": one.title,
                    "body": one.body_html,
                    "tags": one.tags,
                }
            )
            + "\n"
            for one in made.questions
        )
    )
    tagkeeper(released, "migrate")
    tagkeeper(released, "import", str(path), "--as-of", "2023-05-01")
    tagkeeper(released, "train", "--candidate", "tfidf", "--test-month", "2023-03", "--register")
    with service(environment, released) as running:
        return ask(running)


def service(environment: dict[str, str], code: Path) -> RunningService:
    return RunningService(
        Path(environment["LOCAL_DIR"]),
        database_url=environment["DATABASE_URL"],
        registry_url=environment["MLFLOW_TRACKING_URI"],
        code=code,
    )


def ask(running: RunningService) -> dict[str, Any]:
    """Return the version that answers, and its tags with their scores."""
    answer = requests.post(f"{running.url}/predict", json=QUESTION, timeout=20)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return {
        "version": found["model_version"],
        "tags": {one["tag"]: round(one["score"], 4) for one in found["tags"]},
    }


def test_champion_of_the_release_answers_the_same_is_checked_and_can_be_rolled_back_to(
    installed: dict[str, Any], environment: dict[str, str], tagkeeper: Callable[..., str]
):
    tagkeeper(ROOT, "migrate")
    engine = make_engine(environment["DATABASE_URL"])
    registry = Registry(environment["MLFLOW_TRACKING_URI"])
    with service(environment, ROOT) as running:
        assert ask(running) == installed
        tagkeeper(ROOT, "check-drift", "--month", "2023-04")

        tagkeeper(ROOT, "train", "--candidate", "tfidf", "--test-month", "2023-04", "--register")
        assert until(lambda: ask(running)["version"] == "2")
        tagkeeper(ROOT, "rollback", "--reason", "a test", "--no-wait")
        assert until(lambda: ask(running) == installed)

        with engine.connect() as connection:
            promoted = latest_promotion(connection, names.CHAMPION)
        assert promoted is not None
        assert (promoted.kind, promoted.to_version) == ("rollback", "1")
        champion = registry.alias(names.CHAMPION)
        assert champion is not None
        assert champion.version == "1"
    engine.dispose()
