"""`train_candidates` and `rollback_champion` run by a real Airflow on real PostgreSQL and MLflow."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from include import names
from include.candidates.catalogue import make_candidate
from include.candidates.encoders import encoder_factory
from include.jobs.data.fitting import memory_to_reserve
from include.jobs.training.run_records import EVALUATION, REFIT
from include.registry import Registry
from include.registry.descriptions import NOTE
from include.registry.runs import Runs
from include.store.models import latest_promotion
from tests.dags.airflow_command import airflow

pytestmark = pytest.mark.integration


@pytest.fixture
def service(mlflow_server):
    """Stands in for the service: /readyz returns the version with the alias."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            champion = Registry(mlflow_server).alias(names.CHAMPION)
            body = json.dumps({"model_version": champion.version}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def train(platform, **conf):
    return airflow("dags", "test", names.DAG_TRAIN, "--conf", json.dumps(conf), **platform)


def champion(engine):
    with engine.connect() as connection:
        return latest_promotion(connection)


def assert_memory_is_recorded(runs, site):
    """Each fit's peak of memory stands beside what was reserved for it."""
    fits = [
        run
        for kind in (EVALUATION, REFIT)
        for run in runs.find(names.EXPERIMENT_TRAINING, {"site": site, "kind": kind})
        if run.tags["candidate"] == "tfidf"
    ]
    assert len(fits) == 2
    for run in fits:
        size = int(run.params["questions"]), int(run.params["tags"])
        estimate = memory_to_reserve(make_candidate("tfidf", None, encoder_factory(None)), *size)
        assert run.metrics["fit_reserved_mb"] == pytest.approx(estimate)
        assert run.metrics["fit_peak_mb"] > run.metrics["fit_added_mb"] >= 0
        assert run.metrics["fit_added_mb"] <= run.metrics["fit_reserved_mb"]


def test_dag_trains_promotes_and_rolls_back(platform, engine, mlflow_server, service):
    conf = {"candidates": ["frequency"], "reason": "baseline", "test_month": "2023-04"}
    code, output = train(platform, **conf)
    assert code == 0, output[-5000:]
    first = champion(engine)

    code, output = train(platform, candidates=["frequency", "tfidf"], reason="try words")
    assert code == 0, output[-5000:]
    second = champion(engine)
    registry = Registry(mlflow_server)
    version = registry.alias(names.CHAMPION)
    assert (version.version, version.candidate) == (second.to_version, "tfidf")
    assert second.from_version == first.to_version
    assert version.tags["test_month"] == "2023-05"
    assert "rendered_map_index='tfidf'" in output
    run = Runs(mlflow_server).get(second.figures["training_run_id"])
    assert "| **tfidf** |" in run.tags[NOTE]
    assert "try words" in run.tags[NOTE]
    assert_memory_is_recorded(Runs(mlflow_server), platform["SITE"])

    conf = json.dumps({"version": "previous", "reason": "tags are odd"})
    code, output = airflow(
        *("dags", "test", names.DAG_ROLLBACK, "--conf", conf), **platform, SERVICE_URL=service
    )
    assert code == 0, output[-5000:]
    third = champion(engine)
    assert (third.kind, third.to_version, third.reason) == (
        *("rollback", first.to_version),
        "tags are odd",
    )
    assert registry.alias(names.CHAMPION).version == first.to_version


def test_candidate_that_fails_is_named_and_does_not_stop_the_others(platform, mlflow_server):
    wrong = {"tfidf": {"no_such_parameter": 1}}
    _, output = train(platform, candidates=["frequency", "tfidf"], parameters=wrong)
    assert "has no parameter 'no_such_parameter'" in output
    tags = {"site": platform["SITE"], "kind": "training"}
    run = Runs(mlflow_server).find(names.EXPERIMENT_TRAINING, tags)[0]
    assert run.tags["selected"] == "frequency"
    assert r"Failed and left out: tfidf (no\_such\_parameter=1)" in run.tags[NOTE]


def test_month_that_is_not_stored_fails_at_once_with_the_command(platform):
    code, output = train(platform, candidates=["frequency"], test_month="2024-09")
    assert code != 0
    assert "tagkeeper ingest --month 2024-09" in output
    assert "new_state=up_for_retry" not in output


def test_rollback_without_a_reason_does_not_start(platform):
    code, output = airflow("dags", "test", names.DAG_ROLLBACK, **platform)
    assert code != 0
    assert "reason" in output
