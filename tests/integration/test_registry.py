"""The registry against a real MLflow server."""

from __future__ import annotations

import socket
import time

import pytest
from mlflow import MlflowClient

from include import names
from include.errors import FixSettingsError, MissingDataError, ModelUnusableError, RetryLaterError
from include.registry import ModelVersion, Registry, folder_sha256
from include.registry.descriptions import EXPERIMENTS, MODEL, NOTE
from include.registry.runs import Runs, trainings_url

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def runs(mlflow_server):
    return Runs(mlflow_server)


@pytest.fixture
def folder(tmp_path):
    """Stands in for a trained candidate: the registry looks at bytes only."""
    made = tmp_path / "made"
    (made / "deep").mkdir(parents=True)
    (made / "candidate.json").write_text('{"candidate": "frequency"}')
    (made / "deep" / "weights.bin").write_bytes(bytes(range(256)) * 100)
    return made


def register(registry: Registry, runs: Runs, folder, sha256: str | None = None) -> ModelVersion:
    run_id = runs.start("registry tests", "frequency", tags={}, note="")
    run = runs.log_model(run_id, folder, params={}, requirements=["numpy"], bert_model=None)
    runs.finish(run_id)
    return registry.register(
        run_id=run_id,
        model_id=run.model_id,
        source=run.source,
        tags={"candidate": "frequency", "sha256": sha256 or run.sha256},
    )


def test_alias_of_a_model_that_was_never_registered_is_none(registry):
    assert registry.alias("champion") is None


def test_alias_that_was_never_set_is_none(registry, runs, folder):
    register(registry, runs, folder)
    assert registry.alias("champion") is None


def test_alias_names_the_version_with_candidate_and_hash(registry, runs, folder):
    version = register(registry, runs, folder)
    registry.set_alias("champion", version.version)
    found = registry.alias("champion")
    assert found == version
    assert (found.candidate, found.sha256) == ("frequency", folder_sha256(folder))


def test_removed_alias_is_gone(registry, runs, folder):
    version = register(registry, runs, folder)
    registry.set_alias("challenger", version.version)
    registry.remove_alias("challenger")
    assert registry.alias("challenger") is None


def test_version_that_does_not_exist_is_none(registry, runs, folder):
    register(registry, runs, folder)
    assert registry.version("99") is None
    assert registry.version("nonsense") is None


def test_registering_a_run_is_idempotent(registry, runs, folder):
    first = register(registry, runs, folder)
    again = registry.register(run_id=first.run_id, model_id="m-other", source="x", tags={})
    assert again == first


def test_download_contains_exactly_the_registered_files(registry, runs, folder, tmp_path):
    version = register(registry, runs, folder)
    got = registry.download(version.version, tmp_path / "models")
    assert folder_sha256(got) == folder_sha256(folder)


def test_second_download_reuses_the_first(registry, runs, folder, tmp_path):
    version = register(registry, runs, folder)
    first = registry.download(version, tmp_path / "models")
    made_at = (first / "candidate.json").stat().st_ino
    assert registry.download(version, tmp_path / "models") == first
    assert (first / "candidate.json").stat().st_ino == made_at


def test_damaged_download_is_fetched_again(registry, runs, folder, tmp_path):
    version = register(registry, runs, folder)
    got = registry.download(version, tmp_path / "models")
    (got / "deep" / "weights.bin").write_bytes(b"torn")
    assert folder_sha256(registry.download(version, tmp_path / "models")) == version.sha256


def test_model_with_another_hash_is_rejected(registry, runs, folder, tmp_path):
    version = register(registry, runs, folder, sha256="0" * 64)
    with pytest.raises(ModelUnusableError, match="not what was registered"):
        registry.download(version, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_version_without_a_hash_is_rejected(registry, runs, folder, tmp_path):
    register(registry, runs, folder)
    foreign = ModelVersion("1", "", "", "", version_time())
    with pytest.raises(ModelUnusableError, match="registered was none"):
        registry.download(foreign, tmp_path / "models")


def version_time():
    from datetime import UTC, datetime

    return datetime(2024, 1, 1, tzinfo=UTC)


def test_download_of_an_unknown_version_is_rejected(registry, tmp_path):
    with pytest.raises(ModelUnusableError, match="has no version 7"):
        registry.download("7", tmp_path)


def test_metrics_keep_the_platforms_names_and_nan_is_left_out(runs):
    run_id = runs.start("registry tests", "metrics", tags={"key": "a"}, note="")
    runs.log(run_id, metrics={"f1@5": 0.25, "short/f1_all@5": 0.5, "mrr": float("nan")})
    assert runs.get(run_id).metrics == {"f1@5": 0.25, "short/f1_all@5": 0.5}


def test_tables_are_listed_and_read_as_mlflows_own(runs, monkeypatch):
    run_id = runs.start("registry tests", "tables", tags={}, note="")
    first, second = {"tag": ["go", "c++"], "uses": [3, 1]}, {"slice": ["all"], "f1": [0.25]}
    runs.log_tables(run_id, {"tables/tags.json": first, "tables/slices.json": second})

    monkeypatch.setenv("MLFLOW_TRACKING_URI", runs.tracking_uri)  # load_table ignores the client's
    client = MlflowClient()
    run = client.get_run(run_id)
    for file, columns in (("tables/tags.json", first), ("tables/slices.json", second)):
        found = client.load_table(run.info.experiment_id, file, run_ids=[run_id])
        assert found.to_dict("list") == columns


def test_more_metrics_than_fit_into_a_request_are_all_logged(runs):
    run_id = runs.start("registry tests", "many metrics", tags={}, note="")
    metrics = {f"m{i}": float(i) for i in range(1_700)}
    runs.log(run_id, params={"p": 1}, metrics=metrics, tags={"t": "2"})
    found = runs.get(run_id)
    assert (found.metrics, found.params["p"], found.tags["t"]) == (metrics, "1", "2")


def test_finished_run_is_found_by_its_tags_and_a_failed_one_is_not(runs):
    tags = {"key": f"found-{time.time_ns()}"}
    failed = runs.start("registry tests", "failed", tags=tags, note="")
    runs.finish(failed, failed=True)
    assert runs.find("registry tests", tags) == []
    done = runs.start("registry tests", "done", tags=tags, note="")
    runs.finish(done)
    assert [run.run_id for run in runs.find("registry tests", tags)] == [done]


def test_experiment_of_trainings_says_what_is_in_it(runs):
    runs.start(names.EXPERIMENT_TRAINING, "a", tags={}, note="")

    client = MlflowClient(runs.tracking_uri)
    experiment = client.get_experiment_by_name(names.EXPERIMENT_TRAINING)
    assert "f1_all_at_5" in experiment.tags[NOTE]
    view = trainings_url("http://mlflow", "1").partition("viewStateShareKey=")[2]
    assert "f1_all_at_5" in experiment.tags[f"mlflow.sharedViewState.{view}"]


def test_experiment_without_a_description_gets_it_and_peoples_words_stay(runs):
    client = MlflowClient(runs.tracking_uri)

    def described() -> str:
        runs.start(names.EXPERIMENT_DRIFT, "a", tags={}, note="")
        return client.get_experiment_by_name(names.EXPERIMENT_DRIFT).tags[NOTE]

    described()
    experiment_id = client.get_experiment_by_name(names.EXPERIMENT_DRIFT).experiment_id
    client.delete_experiment_tag(experiment_id, NOTE)
    assert described() == EXPERIMENTS[names.EXPERIMENT_DRIFT]
    client.set_experiment_tag(experiment_id, NOTE, "ours")
    assert described() == "ours"
    client.delete_experiment_tag(experiment_id, NOTE)  # the server is shared


def test_model_of_an_earlier_release_gets_its_description(registry, runs, folder):
    client = MlflowClient(runs.tracking_uri)
    client.create_registered_model(registry.model)
    register(registry, runs, folder)
    assert client.get_registered_model(registry.model).description == MODEL


def test_no_run_is_found_in_a_missing_experiment(runs):
    assert runs.find("never made", {}) == []


def test_unknown_run_is_missing_data(runs):
    with pytest.raises(MissingDataError, match="no run"):
        runs.get("0" * 32)


def test_fetched_artifact_equals_the_logged_one(runs, folder, tmp_path):
    run_id = runs.start("registry tests", "artifacts", tags={}, note="")
    runs.log_folder(run_id, folder, "results")
    got = runs.fetch(run_id, "results", tmp_path / "fetched")
    assert folder_sha256(got) == folder_sha256(folder)


def test_absent_artifact_is_missing_data(runs, tmp_path):
    run_id = runs.start("registry tests", "empty", tags={}, note="")
    with pytest.raises(MissingDataError, match="no artifact"):
        runs.fetch(run_id, "results/questions.parquet", tmp_path)


@pytest.fixture
def unused_address():
    """Address of a port that unused_address listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize("ask", [lambda uri: Registry(uri).alias("champion"), Runs])
def test_unavailable_mlflow_is_reported_within_seconds(unused_address, ask):
    started = time.perf_counter()
    with pytest.raises(RetryLaterError, match="does not answer"):
        ask(unused_address)
    assert time.perf_counter() - started < 5


def test_tracking_uri_without_a_server_is_rejected():
    with pytest.raises(FixSettingsError, match="MLFLOW_TRACKING_URI"):
        Registry("sqlite:///mlflow.db")
