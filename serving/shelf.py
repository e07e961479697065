"""
The models on this machine's disk, and which of them should be live.

One worker, the leader, puts models here; all workers load what ``wanted.json`` names. Whatever is
here keeps working without the registry, also after a restart.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from serving.live_model import AbTest

KEPT_FOLDERS: Final = 4
"""Model folders left on disk: the live ones and the latest before them, for a rollback."""


class WantedModel(msgspec.Struct, frozen=True):
    """A version that should be live, and the folder that holds it."""

    version: str
    folder: str
    sha256: str
    created_at: datetime


class Wanted(msgspec.Struct, frozen=True):
    """What should be live, as the leader saw it at ``checked_at``; ``problem`` is what failed."""

    champion: WantedModel | None = None
    challenger: WantedModel | None = None
    ab_test: AbTest | None = None
    checked_at: datetime | None = None
    problem: str | None = None
    failures: int = 0


class Shelf:
    """
    The folder that the workers of one machine share.

    Parameters
    ----------
    folder : Path
        Made when something is put into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.indicators_path = folder / "indicators.json"
        self._wanted_path = folder / "wanted.json"
        self._lead_fd = -1

    def read(self) -> Wanted:
        """Return what should be live; nothing if no leader has written yet."""
        try:
            return msgspec.json.decode(self._wanted_path.read_bytes(), type=Wanted)
        except (FileNotFoundError, msgspec.DecodeError):
            return Wanted()

    def changed_at_ns(self) -> int:
        """Return when ``read`` last changed, 0 if never written: a cheap look for each tick."""
        try:
            return self._wanted_path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def write(self, wanted: Wanted) -> None:
        """Replace what should be live in one step. Only the leader may."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._wanted_path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(wanted))
        fresh.replace(self._wanted_path)

    def lead(self) -> bool:
        """Return whether this process leads; the lock goes to another when its holder dies."""
        if self._lead_fd >= 0:
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.folder / "leader.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._lead_fd = fd
        return True

    def resign(self) -> None:
        """Let another worker lead."""
        if self._lead_fd >= 0:
            os.close(self._lead_fd)
            self._lead_fd = -1

    def path(self, model: WantedModel) -> Path:
        """Return the folder of a model on the shelf."""
        return self.folder / model.folder

    def tidy(self, wanted: Wanted) -> None:
        """Remove the oldest model folders beyond `KEPT_FOLDERS`, never a wanted one."""
        live = {model.folder for model in (wanted.champion, wanted.challenger) if model is not None}
        folders = [path for path in self.folder.glob("[0-9]*-*") if path.is_dir()]
        folders.sort(key=lambda path: (path.name in live, path.stat().st_mtime), reverse=True)
        for path in folders[KEPT_FOLDERS:]:
            shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(".[0-9]*-*"):  # the leader alone downloads, and not just now
            shutil.rmtree(path, ignore_errors=True)
