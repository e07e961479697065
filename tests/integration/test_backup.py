"""A backup of a running platform, restored into empty databases and folders, serves the same."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from include import names
from include.errors import CheckFailedError, FixInputError, FixSettingsError, RetryLaterError
from include.jobs.backup.create import back_up
from include.jobs.backup.manifest import finished_backups, object_path, read_manifest
from include.jobs.backup.parts import backup_place, exclusive
from include.jobs.backup.restore import restore
from include.jobs.release.promotion import AliasMove, promote
from include.jobs.release.reconcile import reconcile
from include.registry import Registry
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.engine import make_engine
from include.store.models import latest_promotion
from include.store.questions import upsert_questions
from tests.conftest import own_database
from tests.own_mlflow import own_mlflow, register
from tests.serving.running import RunningService
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration

QUESTION = {"title": "How do I read a file?", "body": "<p>In python.</p>"}


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    with own_database(server, "template0") as url:
        yield url


@pytest.fixture
def installation(postgres_server, tmp_path) -> Iterator:
    """Make the settings of installations: each with its own databases and folders, empty."""
    opened = []

    def make(name: str, application: str | None = None) -> Settings:
        def database() -> str:
            context = empty_database(postgres_server)
            opened.append(context)
            return context.__enter__()

        folder = tmp_path / name
        folder.mkdir()
        return Settings(
            database_url=application or database(),
            mlflow_backend_store_uri=database(),
            airflow_database_url=database(),
            mlflow_artifacts_destination=str(folder / "mlflow"),
            local_dir=folder,
            backup_dir=tmp_path / "backups",
            site="sandbox",
        )

    yield make
    for context in reversed(opened):
        context.__exit__(None, None, None)


@pytest.fixture
def source(installation, database_url, engine) -> Settings:
    """An installation with questions, a run of Airflow, a spool and a report; no models."""
    settings = installation("source", database_url)
    with engine.begin() as connection:
        made = simulate(months=2, questions_per_month=20, events=(), site="sandbox")
        upsert_questions(connection, made.questions)
    run_sql(settings.airflow_database_url, "CREATE TABLE dag_run AS SELECT 7 AS id")
    run_sql(settings.mlflow_backend_store_uri, "CREATE TABLE runs AS SELECT 'a' AS run_uuid")
    for name, content in {
        "mlflow/1/model.npz": b"weights",
        "mlflow/2/model.npz": b"weights",
        "evidently/report.json": b"{}",
        "spool/segment": b"row",
    }.items():
        path = settings.local_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return settings


def run_sql(url, statement: str) -> list:
    engine = create_engine(make_url(url.get_secret_value()))
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] in {"mlflow", "evidently", "spool"}
    }


def ask(service: RunningService) -> dict:
    answer = requests.post(f"{service.url}/predict", json=QUESTION, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def predictions(engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT prediction_id::text FROM predictions")))


def test_restored_installation_has_the_ledger_the_alias_and_the_spool_and_answers_the_same(
    installation, database_url, engine, tmp_path
):
    source = installation("source", database_url)
    with own_mlflow(source.mlflow_backend_store_uri.get_secret_value(), source.local_dir) as url:
        registry = Registry(url)
        for name, tags in (("one", ("python", "sql")), ("two", ("rust", "go"))):
            version = register(Registry(url), save_model(tmp_path / name, *tags))
            if name == "one":
                promote(
                    engine,
                    registry,
                    AliasMove(version, "promotion", "ann", "first", {}, "champion"),
                )
        # As if a promotion came between the dumps: the registry is ahead of the ledger
        service = RunningService(source.local_dir, database_url=database_url, registry_url=url)
        with service:
            stored = ask(service)
            deadline = time.monotonic() + 20
            while not predictions(engine) and time.monotonic() < deadline:
                time.sleep(0.1)
            with engine.connect() as lock:
                lock.execute(text("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE"))
                waiting = ask(service)
                service.kill_all()
        registry.set_alias(names.CHAMPION, "2")
        before = predictions(engine)
        assert before == {stored["prediction_id"]}
        done = back_up(source)
        with engine.connect() as connection:
            ledger = latest_promotion(connection)
    assert (tmp_path / "backups" / done.backup_id).is_dir()

    target = installation("target")
    restore(target)
    restored = make_engine(target.require_database_url())
    with own_mlflow(target.mlflow_backend_store_uri.get_secret_value(), target.local_dir) as url:
        settings = target.model_copy(update={"mlflow_tracking_uri": type(target.database_url)(url)})
        assert reconcile(settings) == {names.CHAMPION: "1"}
        assert reconcile(settings) == {}
        with restored.connect() as connection:
            assert latest_promotion(connection) == ledger
        with RunningService(
            target.local_dir, database_url=target.require_database_url(), registry_url=url
        ) as service:
            again = ask(service)
            expected = {one["prediction_id"] for one in (stored, waiting, again)}
            deadline = time.monotonic() + 30
            while predictions(restored) != expected and time.monotonic() < deadline:
                time.sleep(0.1)
            assert predictions(restored) == expected
    restored.dispose()
    assert again["tags"] == stored["tags"]
    assert again["model_version"] == stored["model_version"] == "1"


def test_every_database_and_file_is_restored(source, installation):
    back_up(source)
    target = installation("target")
    restore(target)

    count = "SELECT site, count(*) FROM questions GROUP BY site"
    assert run_sql(target.database_url, count) == run_sql(source.database_url, count)
    assert run_sql(target.airflow_database_url, "SELECT id FROM dag_run") == [(7,)]
    assert run_sql(target.mlflow_backend_store_uri, "SELECT run_uuid FROM runs") == [("a",)]
    assert files(target.local_dir) == files(source.local_dir)


def test_finished_backup_has_a_row_with_its_place_and_size(source):
    done = back_up(source)

    rows = run_sql(source.database_url, "SELECT place, bytes, new_bytes, file_count FROM backups")
    assert rows == [(done.place, done.bytes, done.new_bytes, 7)]
    assert Path(done.place, "manifest.json").exists()


def test_second_backup_writes_only_what_is_new(source):
    first = back_up(source)
    (source.local_dir / "mlflow/2/other.npz").write_bytes(b"x" * 1000)
    time.sleep(1.1)  # backups are named by the second
    second = back_up(source)

    place = backup_place(source)
    size = {file.path: file for file in read_manifest(place / first.backup_id).files}
    assert size["1/model.npz"].sha256 == size["2/model.npz"].sha256
    dumps = sum(f.size for f in read_manifest(place / second.backup_id).of_part("databases"))
    assert 1000 <= second.new_bytes <= 1000 + dumps


def test_only_the_newest_are_kept_and_their_files_stay_whole(source, installation):
    keep_one = source.model_copy(update={"backups_kept": 1})
    back_up(keep_one)
    (source.local_dir / "mlflow/1/model.npz").unlink()
    (source.local_dir / "evidently/report.json").unlink()
    time.sleep(1.1)
    second = back_up(keep_one)

    assert [folder.name for folder in finished_backups(backup_place(source))] == [second.backup_id]
    needed = {file.sha256 for file in read_manifest(Path(second.place)).files}
    assert {path.name for path in backup_place(source).glob("objects/??/*")} == needed
    restore(installation("target"))


def test_damaged_backup_is_refused_before_anything_is_changed(source, installation):
    done = back_up(source)
    artifact = read_manifest(Path(done.place)).of_part("artifacts")[0]
    object_path(backup_place(source), artifact.sha256).write_bytes(b"other")
    target = installation("target")

    with pytest.raises(CheckFailedError, match=r"artifacts/1/model\.npz is damaged"):
        restore(target)
    assert run_sql(target.database_url, "SELECT to_regclass('questions')") == [(None,)]


def test_databases_and_folders_that_hold_something_are_not_overwritten(source, installation):
    back_up(source)
    target = installation("target")
    run_sql(target.airflow_database_url, "CREATE TABLE mine AS SELECT 1")

    stopped: list[str] = []
    with pytest.raises(FixSettingsError, match="not empty: airflow"):
        restore(target, stop_platform=lambda: stopped.append("platform"))
    assert stopped == [], "what runs goes on running if nothing is restored"
    assert run_sql(target.database_url, "SELECT to_regclass('questions')") == [(None,)]


def test_replaced_folders_are_kept_beside_the_restored_ones(source):
    done = back_up(source)
    (source.local_dir / "mlflow/1/model.npz").write_bytes(b"newer")
    run_sql(source.database_url, "DELETE FROM question_tags")

    restore(source, replace=True)

    assert (source.local_dir / "mlflow/1/model.npz").read_bytes() == b"weights"
    aside = source.local_dir / f"mlflow.before-{done.backup_id}"
    assert (aside / "1/model.npz").read_bytes() == b"newer"
    assert run_sql(source.database_url, "SELECT count(*) > 0 FROM question_tags") == [(True,)]


def test_interrupted_backup_is_not_taken_for_one_and_is_cleared_by_the_next(source):
    place = backup_place(source)
    (place / ".partial-2020").mkdir(parents=True)
    with pytest.raises(FixInputError, match="holds no backup"):
        restore(source, replace=True)

    back_up(source)
    assert not (place / ".partial-2020").exists()


def test_two_backups_at_once_are_refused(source):
    with exclusive(backup_place(source)), pytest.raises(RetryLaterError, match="another backup"):
        back_up(source)


def test_password_is_in_no_process_list_and_no_error(source):
    wrong = source.model_copy(
        update={
            "mlflow_backend_store_uri": type(source.database_url)(
                "postgresql://keeper:s3cret@127.0.0.1:1/mlflow"
            )
        }
    )
    with pytest.raises(CheckFailedError) as refused:
        back_up(wrong)
    assert "s3cret" not in str(refused.value)


def test_restored_alias_without_its_files_is_refused(source, engine, tmp_path, mlflow_server):
    registry = Registry(mlflow_server, model=f"test-{uuid.uuid4().hex[:8]}")
    version = register(registry, save_model(tmp_path / "one", "python"))
    promote(engine, registry, AliasMove(version, "promotion", "ann", "first", {}, "champion"))
    settings = source.model_copy(
        update={"mlflow_tracking_uri": type(source.database_url)(mlflow_server)}
    )
    # The platform's own model has no such version on this server
    shutil.rmtree(tmp_path / "one", ignore_errors=True)
    with pytest.raises(CheckFailedError, match="does not have version"):
        reconcile(settings)
