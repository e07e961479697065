"""Workers serve the desired state of the registry; on any failure the old model stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from include.candidates.base import Suggestion
from include.candidates.catalogue import make_candidate, save_candidate
from include.errors import ModelUnusableError, RetryLaterError
from include.registry import ModelVersion, folder_sha256
from include.store.models import Promotion
from include.tag_names import TagNames
from include.text.prepare import prepare
from serving.leader import Leader
from serving.model_cache import MAX_CACHED_MODELS, ModelCache
from serving.model_reloader import ModelReloader
from serving.release import Release
from serving.served_models import smoke_test
from tests.serving.conftest import WordModel


def no_encoders(name):
    raise AssertionError("this family embeds nothing")


def save_model(folder: Path, *tags: str) -> Path:
    """A real candidate that suggests ``tags`` in their order."""
    texts = [prepare(f"question {n}", "") for n in range(len(tags))]
    used = [tags[: n + 1] for n in range(len(tags))]
    candidate = make_candidate("frequency", None, no_encoders).fit(texts, used, sorted(tags))
    described = {"train_first": "2023-08", "train_last": "2024-01", "min_tag_count": 1}
    save_candidate(candidate, folder, described)
    return folder


class FolderRegistry:
    """A registry of folders in memory; ``unavailable`` makes it fail as MLflow does."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.champion: str | None = None
        self.unavailable = False
        self.downloads = 0

    def alias(self, alias: str) -> ModelVersion | None:
        if self.unavailable:
            raise RetryLaterError("MLflow is unavailable")
        if alias != "champion" or self.champion is None:
            return None
        sha256 = folder_sha256(self.folders[self.champion])
        return ModelVersion(self.champion, "run", "frequency", sha256, datetime.now(UTC))

    def download(self, version: ModelVersion, into: Path) -> Path:
        target = into / f"{version.version}-{version.sha256[:12]}"
        if not target.exists():
            self.downloads += 1
            shutil.copytree(self.folders[version.version], target)
        return target


def promotion(version: str, sha256: str) -> Promotion:
    """The ledger's row that made ``version`` champion."""
    at = datetime.now(UTC)
    return Promotion(1, at, "champion", None, version, "promotion", "test", "better", {}, sha256)


class Machine:
    """A machine with a registry, a model cache and any number of workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = FolderRegistry()
        self.model_cache = ModelCache(folder / "models")
        self.ledger: Promotion | None = None

    def publish(self, version: str, *tags: str) -> None:
        self.registry.folders[version] = save_model(self.folder / f"v{version}", *tags)
        self.promote(version)

    def promote(self, version: str) -> None:
        """Move the alias, with its row in the ledger."""
        self.registry.champion = version
        self.ledger = promotion(version, folder_sha256(self.registry.folders[version]))

    def leader(self, read_release: Callable[..., Release] | None = None) -> Leader:
        def no_database():
            raise OSError("PostgreSQL is unavailable")

        return Leader(
            self.model_cache,
            registry=lambda: self.registry,
            connect=no_database,
            site="s",
            poll_s=1,
            read_release=read_release or (lambda connect: Release(champion=self.ledger)),
        )

    def worker(self) -> ModelReloader:
        return ModelReloader(ModelCache(self.model_cache.folder), self.leader(), no_encoders)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def version_of(worker):
    return worker.current.champion.version


def test_worker_loads_the_desired_state(machine):
    machine.publish("1", "python", "sql")
    machine.leader().poll()
    worker = machine.worker()
    worker.reload()

    assert version_of(worker) == "1"
    assert worker.current.champion.description["train_last"] == "2024-01"


def test_new_version_is_swapped_in(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    worker.reload()
    machine.publish("2", "rust", "go")
    leader.poll()
    worker.reload()

    assert version_of(worker) == "2"
    assert worker.current.champion.candidate.vocabulary == ("go", "rust")


def test_rollback_swaps_back(machine):
    leader, worker = machine.leader(), machine.worker()
    for version in ("1", "2"):
        machine.publish(version, "python", f"sql{version}")
        leader.poll()
        worker.reload()
    machine.promote("1")
    leader.poll()
    worker.reload()

    assert version_of(worker) == "1"


def test_machine_downloads_a_version_once_for_all_workers(machine):
    machine.publish("1", "python", "sql")
    leader = machine.leader()
    for _ in range(3):
        leader.poll()
    for _ in range(3):
        worker = machine.worker()
        worker.reload()

    assert machine.registry.downloads == 1


def test_unavailable_registry_keeps_the_model_and_is_reported(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    worker.reload()
    machine.registry.unavailable = True
    leader.poll()
    worker.reload()

    assert version_of(worker) == "1"
    assert "MLflow is unavailable" in worker.status().problem
    assert worker.status().failures == 1


def test_restart_serves_the_cached_model_while_the_registry_is_unavailable(machine):
    machine.publish("1", "python", "sql")
    machine.leader().poll()
    machine.registry.unavailable = True
    restarted = machine.worker()
    restarted.reload()

    assert version_of(restarted) == "1"


def test_problem_is_cleared_when_the_registry_is_back(machine):
    machine.publish("1", "python", "sql")
    machine.registry.unavailable = True
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    machine.registry.unavailable = False
    leader.poll()
    worker.reload()

    assert worker.status().problem is None
    assert worker.status().failures == 1


def test_damaged_model_is_not_served(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    worker.reload()
    machine.publish("2", "rust", "go")
    leader.poll()
    desired = machine.model_cache.read().champion
    (machine.model_cache.path(desired) / "candidate.json").write_text("{}")
    worker.reload()

    assert version_of(worker) == "1"
    assert "SHA-256" in worker.status().problem


def test_after_a_damaged_version_the_next_is_loaded_at_once(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    desired = machine.model_cache.read().champion
    (machine.model_cache.path(desired) / "candidate.json").write_text("{}")
    worker.reload()
    machine.publish("2", "rust", "go")
    leader.poll()
    worker.reload()

    assert version_of(worker) == "2"
    assert worker.status().problem is None


def test_removed_alias_keeps_the_model_and_is_reported(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    machine.registry.champion = None
    leader.poll()
    worker.reload()

    assert version_of(worker) == "1"
    assert "champion" in worker.status().problem


def failures_of(step):
    return REGISTRY.get_sample_value("app_model_failures_total", {"step": step}) or 0.0


def test_alias_that_was_moved_without_the_ledger_is_not_followed(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    machine.registry.folders["2"] = save_model(machine.folder / "evil", "rust", "go")
    machine.registry.champion = "2"
    alarms = failures_of("ledger")
    leader.poll()
    worker.reload()

    assert version_of(worker) == "1"
    assert "the ledger of promotions names version 1" in worker.status().problem
    assert failures_of("ledger") == alarms + 1


def test_files_that_were_changed_in_the_registry_are_not_served(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.poll()
    before = machine.model_cache.read().champion.sha256
    machine.registry.folders["1"] = save_model(machine.folder / "evil", "rust", "go")
    leader.poll()
    worker.reload()

    assert worker.current.champion.sha256 == before
    assert "has been tampered with" in worker.status().problem


def test_registry_without_a_ledger_is_not_served(machine):
    machine.publish("1", "python", "sql")
    machine.ledger = None
    machine.leader().poll()
    worker = machine.worker()
    worker.reload()

    assert worker.current.champion is None


def test_promotion_that_is_under_way_is_followed_without_an_alarm(machine):
    """The alias moves a moment before the ledger's row can be seen."""
    machine.publish("1", "python", "sql")
    leader = machine.leader()
    leader.poll()
    old = machine.ledger
    machine.publish("2", "rust", "go")
    rows = iter([old, old, machine.ledger])
    leader = machine.leader(lambda connect: Release(champion=next(rows)))
    alarms = failures_of("ledger")
    leader.poll()

    assert machine.model_cache.read().champion.version == "2"
    assert failures_of("ledger") == alarms


def test_old_versions_are_evicted_but_not_the_live_one(machine):
    leader = machine.leader()
    for number in range(1, MAX_CACHED_MODELS + 4):
        machine.publish(str(number), "python", f"sql{number}")
        leader.poll()

    kept = {path.name.split("-")[0] for path in machine.model_cache.folder.glob("[0-9]*-*")}
    assert str(MAX_CACHED_MODELS + 3) in kept
    assert len(kept) == MAX_CACHED_MODELS


def test_one_worker_leads_and_another_takes_over(machine):
    first, second = ModelCache(machine.model_cache.folder), ModelCache(machine.model_cache.folder)
    assert first.acquire_leadership()
    assert not second.acquire_leadership()

    first.release_leadership()

    assert second.acquire_leadership()


class FixedAnswers(WordModel):
    """Answers every question with the given suggestions."""

    def __init__(self, *suggestions: tuple[str, float]) -> None:
        super().__init__()
        self._answer = tuple(Suggestion(tag, score) for tag, score in suggestions)

    def rank(self, texts, k):
        return [self._answer for _ in texts]


VALID = [("flask", 0.9), ("pandas", 0.5), ("python", 0.5), ("regex", 0.1), ("sql", 0.0)]


def test_valid_answers_pass_the_smoke_test():
    smoke_test(FixedAnswers(*VALID))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (VALID[:3], "distinct tags"),
        ([*VALID[:4], ("flask", 0.0)], "distinct tags"),
        ([*VALID[:4], ("unheard-of", 0.0)], "distinct tags"),
        ([("flask", 1.5), *VALID[1:]], "outside"),
        ([("flask", float("nan")), *VALID[1:]], "outside"),
        ([*VALID[1:], VALID[0]], "best first"),
    ],
)
def test_invalid_answers_fail_the_smoke_test(answer, fault):
    with pytest.raises(ModelUnusableError, match=fault):
        smoke_test(FixedAnswers(*answer))


def test_names_of_tags_are_known_after_a_restart_without_postgres(machine):
    machine.publish("1", "python", "sql")
    machine.leader().poll()
    machine.model_cache.tag_names.write(TagNames({"sql": None}))
    worker = machine.worker()  # its PostgreSQL does not answer
    worker.reload()

    assert worker.current.champion.candidate.vocabulary == ("python",)


def test_damaged_names_of_tags_leave_the_models_as_they_are_until_written_again(machine):
    machine.publish("1", "python", "sql")
    machine.leader().poll()
    names = machine.model_cache.tag_names
    names.write(TagNames({"sql": None}))
    (machine.model_cache.folder / "tag_names.json").write_text('{"sql": nul')
    worker = machine.worker()
    worker.reload()
    assert worker.current.champion.candidate.vocabulary == ("python", "sql")

    names.write(TagNames({"sql": None}))
    worker.reload()
    assert worker.current.champion.candidate.vocabulary == ("python",)


def test_names_that_did_not_change_are_not_written_again(machine):
    names = machine.model_cache.tag_names
    names.write(TagNames({"sql": None}))
    before = names.modified_ns()
    names.write(TagNames({"sql": None}))

    assert names.modified_ns() == before
