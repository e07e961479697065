"""The brief's MLflow commands, by the real `mlflow` command, on real PostgreSQL and MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from include import names
from include.months import month_of
from include.registry import Registry
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.store.engine import make_engine
from include.store.models import latest_promotion
from include.store.questions import questions_per_month, upsert_questions
from tests.conftest import own_database
from tests.watched_command import run_watched

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine(postgres_server, migrated_template):
    with own_database(postgres_server, migrated_template) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def environment(engine, mlflow_server):
    """Four months of questions under a site's name of their own, and no champion of another's."""
    registry = Registry(mlflow_server)
    if registry.alias(names.CHAMPION) is not None:
        registry.remove_alias(names.CHAMPION)
    site = f"test-{uuid.uuid4().hex[:8]}"
    made = simulate(
        seed=4, first_month="2023-01", months=4, questions_per_month=60, events=(), site=site
    )
    with engine.begin() as connection:
        upsert_questions(connection, made.questions)
    return os.environ | {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "MLFLOW_TRACKING_URI": mlflow_server,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "SITE": site,
        "BOOTSTRAP_SAMPLES": "200",
        "COLUMNS": "160",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def mlflow_run(environment, entry_point, **parameters):
    given = [part for key, value in parameters.items() for part in ("-P", f"{key}={value}")]
    done = run_watched(
        [
            *(sys.executable, "-m", "mlflow", "run", str(ROOT), "-e", entry_point),
            *given,
            *("--env-manager", "local"),
        ],
        env=environment,
    )
    return done.returncode, done.stdout + done.stderr


def test_ingest_stores_a_month_that_the_site_serves_over_http(environment, engine):
    site = f"served-{uuid.uuid4().hex[:8]}"
    made = simulate(
        seed=5, first_month="2023-01", months=2, questions_per_month=60, events=(), site=site
    )
    with running(SandboxApi(site, QuestionIndex(made.questions))) as api_url:
        served = environment | {"SITE": site, "STACKEXCHANGE_API_URL": api_url}
        code, output = mlflow_run(served, "ingest", month="2023-01")

    assert code == 0, output[-3000:]
    january = sum(month_of(question.asked_at) == "2023-01" for question in made.questions)
    with engine.connect() as connection:
        assert questions_per_month(connection, site) == {"2023-01": january}


def test_ingest_and_transform_without_parameters_take_what_is_missing_and_say_so(
    environment, engine
):
    site = f"served-{uuid.uuid4().hex[:8]}"
    made = simulate(
        seed=5, first_month="2023-01", months=2, questions_per_month=30, events=(), site=site
    )
    with running(SandboxApi(site, QuestionIndex(made.questions))) as api_url:
        served = environment | {"SITE": site, "STACKEXCHANGE_API_URL": api_url}
        ingested, said = mlflow_run(served, "ingest")
        transformed, prepared = mlflow_run(served, "transform")

    count = sum(month_of(question.asked_at) == "2023-02" for question in made.questions)
    assert (ingested, transformed) == (0, 0), said[-3000:] + prepared[-3000:]
    assert f"{count} questions stored in 1 months (2023-02)" in said
    assert f"New: 2023-02 ({count})" in prepared
    with engine.connect() as connection:
        assert questions_per_month(connection, site) == {"2023-02": count}


def test_transform_train_evaluate_and_register_do_the_same_as_the_dag(
    environment, engine, mlflow_server
):
    code, output = mlflow_run(environment, "transform", first="2023-01", last="2023-04")
    assert code == 0, output[-3000:]
    for model_type in ("frequency", "tfidf"):
        code, output = mlflow_run(environment, "train", model_type=model_type, test_month="2023-04")
        assert code == 0, output[-3000:]
        assert f"{model_type}: F1@1" in output

    code, output = mlflow_run(environment, "evaluate", test_month="2023-04")
    assert code == 0, output[-3000:]
    assert "frequency" in output
    assert "tfidf" in output

    code, output = mlflow_run(environment, "register", test_month="2023-04", reason="first model")
    assert code == 0, output[-3000:]
    champion = Registry(mlflow_server).alias(names.CHAMPION)
    with engine.connect() as connection:
        row = latest_promotion(connection)
    assert champion.tags["site"] == environment["SITE"]
    assert champion.candidate == "tfidf"
    assert (row.to_version, row.kind) == (champion.version, "first")

    predicted = subprocess.run(
        [sys.executable, "-c", PREDICT],
        env=environment | {"PYTHONPATH": ""},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert predicted.returncode == 0, predicted.stderr[-3000:]
    assert predicted.stdout.splitlines()[-1] == "2 5 3 True include.zip"


PREDICT = """
import mlflow, pandas, pathlib, sys
model = mlflow.pyfunc.load_model("models:/tag-suggester@champion")
frame = pandas.DataFrame({"title": ["How do I sort a list?", "x"], "body": ["<p>It is long.</p>", ""]})
answer, three = model.predict(frame), model.predict(frame, params={"k": 3})
scores = [item["score"] for item in answer[0]]
code = pathlib.Path(sys.modules["include"].__file__).parents[1].name
print(len(answer), len(answer[0]), len(three[0]), scores == sorted(scores, reverse=True), code)
"""


def test_evaluate_before_training_names_the_next_step(environment):
    code, output = mlflow_run(environment, "evaluate", test_month="2023-03")
    assert code != 0
    assert "run `tagkeeper train` first" in " ".join(output.split())
