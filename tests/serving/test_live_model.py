"""The live model follows the shelf, and the shelf the registry; whatever fails, the old one stays."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.candidates.base import Suggestion
from include.candidates.catalogue import make_candidate, save_candidate
from include.errors import ModelUnusableError, RetryLaterError
from include.registry import ModelVersion, folder_sha256
from include.text.prepare import prepare
from serving.follower import RegistryFollower
from serving.leader import Leader
from serving.live_model import check_canaries
from serving.shelf import KEPT_FOLDERS, Shelf
from tests.serving.conftest import WordModel


def no_encoders(name):
    raise AssertionError("this family embeds nothing")


def save_model(folder: Path, *tags: str) -> Path:
    """A real candidate that suggests ``tags`` in their order."""
    texts = [prepare(f"question {n}", "") for n in range(len(tags))]
    used = [tags[: n + 1] for n in range(len(tags))]
    candidate = make_candidate("frequency", None, no_encoders).fit(texts, used, sorted(tags))
    save_candidate(candidate, folder, {"train_first": "2023-08", "train_last": "2024-01"})
    return folder


class FolderRegistry:
    """A registry of folders in memory; ``away`` makes it fail as MLflow does."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.champion: str | None = None
        self.away = False
        self.downloads = 0

    def alias(self, alias: str) -> ModelVersion | None:
        if self.away:
            raise RetryLaterError("MLflow is away")
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


class Machine:
    """One machine: a registry, a shelf, and as many workers as asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = FolderRegistry()
        self.shelf = Shelf(folder / "models")

    def publish(self, version: str, *tags: str) -> None:
        self.registry.folders[version] = save_model(self.folder / f"v{version}", *tags)
        self.registry.champion = version

    def leader(self) -> Leader:
        def no_database():
            raise OSError("PostgreSQL is away")

        return Leader(
            self.shelf, registry=lambda: self.registry, connect=no_database, site="s", poll_s=1
        )

    def worker(self) -> RegistryFollower:
        return RegistryFollower(Shelf(self.shelf.folder), self.leader(), no_encoders)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def version_of(worker):
    return worker.current.champion.version


def test_worker_takes_up_what_the_leader_found(machine):
    machine.publish("1", "python", "sql")
    machine.leader().look()
    worker = machine.worker()
    worker.look()

    assert version_of(worker) == "1"
    assert worker.current.champion.description["train_last"] == "2024-01"


def test_new_version_is_swapped_in(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.look()
    worker.look()
    machine.publish("2", "rust", "go")
    leader.look()
    worker.look()

    assert version_of(worker) == "2"
    assert worker.current.champion.candidate.vocabulary == ("go", "rust")


def test_rollback_is_a_swap_too(machine):
    leader, worker = machine.leader(), machine.worker()
    for version in ("1", "2"):
        machine.publish(version, "python", f"sql{version}")
        leader.look()
        worker.look()
    machine.registry.champion = "1"
    leader.look()
    worker.look()

    assert version_of(worker) == "1"


def test_machine_downloads_a_version_once_for_all_workers(machine):
    machine.publish("1", "python", "sql")
    leader = machine.leader()
    for _ in range(3):
        leader.look()
    for _ in range(3):
        worker = machine.worker()
        worker.look()

    assert machine.registry.downloads == 1


def test_registry_away_keeps_the_model_and_says_so(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.look()
    worker.look()
    machine.registry.away = True
    leader.look()
    worker.look()

    assert version_of(worker) == "1"
    assert "MLflow is away" in worker.status().problem
    assert worker.status().failures == 1


def test_restart_works_from_the_local_copy_while_the_registry_is_away(machine):
    machine.publish("1", "python", "sql")
    machine.leader().look()
    machine.registry.away = True
    restarted = machine.worker()
    restarted.look()

    assert version_of(restarted) == "1"


def test_problem_is_over_when_the_registry_is_back(machine):
    machine.publish("1", "python", "sql")
    machine.registry.away = True
    leader, worker = machine.leader(), machine.worker()
    leader.look()
    machine.registry.away = False
    leader.look()
    worker.look()

    assert worker.status().problem is None
    assert worker.status().failures == 1


def test_damaged_copy_stays_out_of_service(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.look()
    worker.look()
    machine.publish("2", "rust", "go")
    leader.look()
    wanted = machine.shelf.read().champion
    (machine.shelf.path(wanted) / "candidate.json").write_text("{}")
    worker.look()

    assert version_of(worker) == "1"
    assert "SHA-256" in worker.status().problem


def test_after_a_damaged_version_the_next_is_taken_up_at_once(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.look()
    wanted = machine.shelf.read().champion
    (machine.shelf.path(wanted) / "candidate.json").write_text("{}")
    worker.look()
    machine.publish("2", "rust", "go")
    leader.look()
    worker.look()

    assert version_of(worker) == "2"
    assert worker.status().problem is None


def test_alias_taken_away_keeps_the_model_and_says_so(machine):
    machine.publish("1", "python", "sql")
    leader, worker = machine.leader(), machine.worker()
    leader.look()
    machine.registry.champion = None
    leader.look()
    worker.look()

    assert version_of(worker) == "1"
    assert "champion" in worker.status().problem


def test_old_versions_are_tidied_away_but_not_the_live_one(machine):
    leader = machine.leader()
    for number in range(1, KEPT_FOLDERS + 4):
        machine.publish(str(number), "python", f"sql{number}")
        leader.look()

    kept = {path.name.split("-")[0] for path in machine.shelf.folder.glob("[0-9]*-*")}
    assert str(KEPT_FOLDERS + 3) in kept
    assert len(kept) == KEPT_FOLDERS


def test_one_worker_leads_and_another_takes_over(machine):
    first, second = Shelf(machine.shelf.folder), Shelf(machine.shelf.folder)
    assert first.lead()
    assert not second.lead()

    first.resign()

    assert second.lead()


class Answering(WordModel):
    """Answers every question with the given suggestions."""

    def __init__(self, *suggestions: tuple[str, float]) -> None:
        super().__init__()
        self._answer = tuple(Suggestion(tag, score) for tag, score in suggestions)

    def rank(self, texts, k):
        return [self._answer for _ in texts]


GOOD = [("flask", 0.9), ("pandas", 0.5), ("python", 0.5), ("regex", 0.1), ("sql", 0.0)]


def test_sound_answers_pass_the_canary():
    check_canaries(Answering(*GOOD))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (GOOD[:3], "distinct tags"),
        ([*GOOD[:4], ("flask", 0.0)], "distinct tags"),
        ([*GOOD[:4], ("unheard-of", 0.0)], "distinct tags"),
        ([("flask", 1.5), *GOOD[1:]], "outside"),
        ([("flask", float("nan")), *GOOD[1:]], "outside"),
        ([*GOOD[1:], GOOD[0]], "best first"),
    ],
)
def test_unsound_answers_fail_the_canary(answer, fault):
    with pytest.raises(ModelUnusableError, match=fault):
        check_canaries(Answering(*answer))
