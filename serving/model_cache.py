"""
The cache of models on this machine's disk, and the desired state: which of them should be live.

One worker, the leader, downloads models into the cache; all workers load the models that
``desired_state.json`` names. Cached models are served without the registry, also after a restart.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from serving.payloads import AbTest
from serving.tag_name_file import DescriptionFile, TagNameFile

MAX_CACHED_MODELS: Final = 4
"""Model folders kept on disk: the live ones and the latest before them, for a rollback."""


class DesiredModel(msgspec.Struct, frozen=True):
    """A version that should be live, and its folder in the cache."""

    version: str
    folder: str
    sha256: str
    created_at: datetime


class DesiredState(msgspec.Struct, frozen=True):
    """
    What should be live.

    The registry last answered at ``checked_at`` and PostgreSQL at ``looked_up_at``; ``problem``
    says what failed since.
    """

    champion: DesiredModel | None = None
    challenger: DesiredModel | None = None
    ab_test: AbTest | None = None
    checked_at: datetime | None = None
    looked_up_at: datetime | None = None
    problem: str | None = None
    failures: int = 0


class ModelCache:
    """
    A folder of models that the workers of one machine share.

    Parameters
    ----------
    folder : Path
        Created at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.indicators_path = folder / "indicators.json"
        self.tag_names = TagNameFile(folder / "tag_names.json")
        self.tag_descriptions = DescriptionFile(folder / "tag_descriptions.json")
        self._desired_state_path = folder / "desired_state.json"
        self._leader_lock_fd = -1

    def read(self) -> DesiredState:
        """Return the desired state; an empty one if no leader has written yet."""
        try:
            return msgspec.json.decode(self._desired_state_path.read_bytes(), type=DesiredState)
        except (FileNotFoundError, msgspec.DecodeError):
            return DesiredState()

    def modified_ns(self) -> int:
        """Return when the desired state was last written, 0 if never; cheap enough to poll."""
        try:
            return self._desired_state_path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def write(self, desired: DesiredState) -> None:
        """Replace the desired state atomically. For the leader only."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self._desired_state_path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(desired))
        temporary.replace(self._desired_state_path)

    @property
    def leads(self) -> bool:
        """Whether this process leads."""
        return self._leader_lock_fd >= 0

    def acquire_leadership(self) -> bool:
        """Return whether this process leads; its lock is released when the process dies."""
        if self._leader_lock_fd >= 0:
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.folder / "leader.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._leader_lock_fd = fd
        return True

    def release_leadership(self) -> None:
        """Release the lock, so that another worker can lead."""
        if self._leader_lock_fd >= 0:
            os.close(self._leader_lock_fd)
            self._leader_lock_fd = -1

    def path(self, model: DesiredModel) -> Path:
        """Return the folder of a cached model."""
        return self.folder / model.folder

    def evict(self, desired: DesiredState) -> None:
        """Delete the oldest models beyond `MAX_CACHED_MODELS`, never a desired one."""
        live = {
            model.folder for model in (desired.champion, desired.challenger) if model is not None
        }
        folders = [path for path in self.folder.glob("[0-9]*-*") if path.is_dir()]
        folders.sort(key=lambda path: (path.name in live, path.stat().st_mtime), reverse=True)
        for path in folders[MAX_CACHED_MODELS:]:
            shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(".[0-9]*-*"):  # partial downloads; only the leader downloads
            shutil.rmtree(path, ignore_errors=True)
