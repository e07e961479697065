"""Aliases and the ledger move together: real PostgreSQL, real MLflow."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import requests
from sqlalchemy import text

from include import names
from include.candidates.catalogue import make_candidate, save_candidate
from include.errors import CheckFailedError, FixInputError, ModelUnusableError, RetryLaterError
from include.jobs.release.promotion import AliasMove, promote, withdraw_challenger
from include.jobs.release.rollback import rollback, served_version, verify_served
from include.registry.runs import Runs
from include.store.models import latest_promotion, list_promotions, lock_promotion
from include.text.prepared import PreparedText
from serving.keys import add_key
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService, free_port
from tests.serving.stub_registry import StubRegistry
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration


def no_encoders(name):
    raise AssertionError(f"nobody needs {name}")


@pytest.fixture(scope="module")
def runs(mlflow_server):
    return Runs(mlflow_server)


@pytest.fixture
def register(registry, runs, tmp_path):
    """Register the frequency candidate once more; returns its version."""
    candidate = make_candidate("frequency", None, no_encoders)
    candidate.fit([PreparedText("a", "", "")] * 2, [("python",), ("sql",)], ("python", "sql"))

    def make(damage=lambda folder: None):
        folder = tmp_path / f"candidate-{len(list(tmp_path.iterdir()))}"
        save_candidate(candidate, folder, {})
        damage(folder)
        run_id = runs.start("promotion tests", "frequency", tags={}, note="")
        run = runs.log_model(run_id, folder, params={}, requirements=["numpy"], bert_model=None)
        return registry.register(
            run_id=run_id,
            model_id=run.model_id,
            source=run.source,
            tags={"candidate": "frequency", "sha256": run.sha256},
        )

    return make


def move(version, **changes):
    values = {"kind": "promotion", "actor": "tester", "reason": "better", "figures": {"gain": 0.1}}
    return AliasMove(version, **(values | changes))


def ledger(engine, alias=names.CHAMPION):
    with engine.connect() as connection:
        rows = list_promotions(connection, alias)
    return [(row.kind, row.from_version, row.to_version) for row in rows][::-1]


def test_promotion_moves_the_alias_and_adds_a_row(engine, registry, register):
    first, second = register(), register()
    promote(engine, registry, move(first))
    row = promote(engine, registry, move(second))
    assert registry.alias(names.CHAMPION).version == "2"
    assert ledger(engine) == [("first", None, "1"), ("promotion", "1", "2")]
    assert (row.figures, row.artifact_sha256) == ({"gain": 0.1}, second.sha256)


def test_repeated_promotion_adds_no_row(engine, registry, register):
    version = register()
    row = promote(engine, registry, move(version))
    assert promote(engine, registry, move(version)) == row
    assert len(ledger(engine)) == 1


def test_row_lost_after_the_alias_moved_is_added(engine, registry, register):
    promote(engine, registry, move(register()))
    second = register()
    registry.set_alias(names.CHAMPION, second.version)  # killed before the commit
    promote(engine, registry, move(second))
    assert ledger(engine)[-1] == ("promotion", "1", "2")


class Away:
    """The real registry, that goes away when the alias is to move."""

    def __init__(self, registry):
        self._registry = registry

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def set_alias(self, alias, version):
        raise RetryLaterError("MLflow is unavailable")


def test_no_row_remains_when_the_alias_could_not_move(engine, registry, register):
    promote(engine, registry, move(register()))
    with pytest.raises(RetryLaterError):
        promote(engine, Away(registry), move(register()))
    assert ledger(engine) == [("first", None, "1")]
    assert registry.alias(names.CHAMPION).version == "1"


def test_promoted_challenger_loses_the_challenger_alias(engine, registry, register):
    promote(engine, registry, move(register()))
    second = register()
    promote(engine, registry, move(second, kind="challenger", alias=names.CHALLENGER))
    promote(engine, registry, move(second))
    assert registry.alias(names.CHALLENGER) is None
    assert [row[0] for row in ledger(engine, names.CHALLENGER)] == ["challenger", "withdrawal"]


def test_withdrawn_challenger_loses_the_alias_with_a_row(engine, registry, register):
    promote(engine, registry, move(register(), kind="challenger", alias=names.CHALLENGER))
    row = withdraw_challenger(engine, registry, actor="tester", reason="lost the A/B test")
    assert registry.alias(names.CHALLENGER) is None
    assert (row.kind, row.reason) == ("withdrawal", "lost the A/B test")


def test_nothing_is_withdrawn_without_a_challenger(engine, registry):
    assert withdraw_challenger(engine, registry, actor="tester", reason="none") is None


def test_concurrent_promotions_leave_a_consistent_ledger(engine, registry, register):
    versions = [register() for _ in range(4)]
    threads = [
        threading.Thread(
            target=promote,
            args=(engine, type(registry)(registry.tracking_uri, registry.model), move(version)),
        )
        for version in versions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = ledger(engine)
    assert [row[1] for row in rows] == [None, *(row[2] for row in rows[:-1])]
    assert rows[-1][2] == registry.alias(names.CHAMPION).version


def test_lock_timeout_is_retryable(engine):
    with engine.begin() as holder, engine.begin() as other:
        lock_promotion(holder)
        with pytest.raises(RetryLaterError, match="moving an alias"):
            lock_promotion(other, wait_s=1)


@pytest.fixture
def three(engine, registry, register):
    """Three versions, promoted one after the other; the third is champion."""
    versions = [register() for _ in range(3)]
    for version in versions:
        promote(engine, registry, move(version))
    return versions


def back(engine, registry, version="previous", **changes):
    values = {"reason": "wrong tags", "actor": "tester", "encoders": no_encoders}
    return rollback(engine, registry, version=version, **(values | changes))


def test_rollback_goes_to_the_replaced_champion(engine, registry, three):
    row = back(engine, registry)
    assert (row.kind, row.from_version, row.to_version, row.reason) == (
        "rollback",
        "3",
        "2",
        "wrong tags",
    )
    assert registry.alias(names.CHAMPION).version == "2"


def test_two_rollbacks_go_two_steps_back(engine, registry, three):
    back(engine, registry)
    assert back(engine, registry).to_version == "1"


def test_rollback_repeated_by_the_same_request_goes_one_step_back(engine, registry, three):
    first = back(engine, registry, request_id="manual__1")
    assert back(engine, registry, request_id="manual__1") == first
    assert registry.alias(names.CHAMPION).version == "2"


def test_rollback_to_a_number(engine, registry, three):
    assert back(engine, registry, "1").to_version == "1"


@pytest.mark.parametrize("version", ["99", "nonsense"])
def test_rollback_to_an_unknown_version_is_rejected(engine, registry, three, version):
    with pytest.raises(FixInputError, match=f"no version {version}"):
        back(engine, registry, version)


def test_rollback_to_the_champion_itself_is_rejected(engine, registry, three):
    with pytest.raises(FixInputError, match="is the champion already"):
        back(engine, registry, "3")


@pytest.mark.parametrize("reason", ["", "  "])
def test_rollback_without_a_reason_is_rejected(engine, registry, three, reason):
    with pytest.raises(FixInputError, match="needs a reason"):
        back(engine, registry, reason=reason)


def test_rollback_before_the_first_version_is_rejected(engine, registry, register):
    promote(engine, registry, move(register()))
    with pytest.raises(FixInputError, match="no version before 1"):
        back(engine, registry)


def test_rollback_without_a_champion_is_rejected(engine, registry):
    with pytest.raises(FixInputError, match="no champion yet"):
        back(engine, registry)


def test_rollback_to_a_model_that_does_not_load_is_rejected(engine, registry, register):
    register(damage=lambda folder: (folder / "shares.npy").write_bytes(b"torn"))
    promote(engine, registry, move(register()))
    with pytest.raises(ModelUnusableError):
        back(engine, registry, "1")
    assert registry.alias(names.CHAMPION).version == "2"
    assert len(ledger(engine)) == 1


def test_rollback_to_a_changed_model_is_rejected(engine, registry, three):
    class Changed(Away):
        def version(self, version):
            return replace(self._registry.version(version), sha256="0" * 64)

    with pytest.raises(ModelUnusableError, match="not what was registered"):
        back(engine, Changed(registry), "1")


def test_rollback_to_files_that_were_exchanged_with_their_hash_is_rejected(engine, registry, three):
    """Whoever may write to the registry can change a version's files and the hash beside them."""

    class Exchanged(Away):
        def version(self, version):
            return replace(self._registry.version(version), sha256="0" * 64)

        def download(self, version, into):
            return self._registry.download(version.version, into)

    with pytest.raises(ModelUnusableError, match="was changed in the registry since"):
        back(engine, Exchanged(registry), "1")
    assert ledger(engine)[-1] == ("promotion", "2", "3")


def test_service_is_verified_after_repeated_answers_with_the_version():
    answers = iter([None, "3", "2", "3", "2", "2", "2"])
    assert verify_served("2", lambda: next(answers), pause_s=0.001) < 5


def test_version_is_read_from_a_service_with_api_keys(database_url, tmp_path):
    with StubRegistry() as models:
        models.add("7", save_model(tmp_path / "model", "python", "sql"))
        make_champion(database_url, models, "7")
        (tmp_path / "service").mkdir()
        add_key(tmp_path / "keys", "somebody")
        with RunningService(
            tmp_path / "service",
            database_url=database_url,
            registry_url=models.url,
            workers=1,
            environment={"SERVICE_API_KEYS_FILE": str(tmp_path / "keys")},
        ) as service:
            assert requests.get(f"{service.url}/model", timeout=10).status_code == 401
            assert served_version(service.url) == "7"


def test_version_of_an_unavailable_service_is_none():
    assert served_version(f"http://127.0.0.1:{free_port()}") is None


def test_service_that_keeps_the_old_version_is_reported():
    with pytest.raises(
        CheckFailedError, match="names version 2, but after 0 s the service answers with 3"
    ):
        verify_served("2", lambda: "3", timeout_s=0.05, pause_s=0.01)


def test_latest_promotion_is_of_its_alias_only(engine, registry, register):
    promote(engine, registry, move(register(), kind="challenger", alias=names.CHALLENGER))
    with engine.connect() as connection:
        assert latest_promotion(connection, names.CHAMPION) is None
        count = connection.execute(text("SELECT count(*) FROM promotions")).scalar_one()
    assert count == 1
