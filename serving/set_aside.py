"""
What could not be stored: rows that PostgreSQL refused, and damaged stretches of the spool.

Both stay on disk, are counted, and block nothing. ``tagkeeper predictions replay`` sends refused
rows again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.spool_records import Contents, Line, decoded, encoded

REFUSED: Final = "refused.log"
DAMAGED: Final = "damaged.log"
_REPLAYING: Final = "refused.replaying"
_LOCK: Final = "set_aside.lock"
_TAKING_LOCK: Final = "set_aside.taking.lock"


class SetAside:
    """
    The files of what was set aside, shared by the workers of a machine.

    Parameters
    ----------
    folder : Path
        The spool's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add_refused(self, lines: Sequence[Line]) -> None:
        """Keep rows that PostgreSQL refused; durable when this returns."""
        self._append(REFUSED, b"".join(encoded(kind, [row]) for kind, row in lines))

    def add_damaged(self, stretches: Sequence[bytes]) -> None:
        """Keep damaged stretches of a segment, as they are; durable when this returns."""
        self._append(DAMAGED, b"".join(b"\n" + stretch for stretch in stretches))

    def sizes(self) -> dict[str, int]:
        """Return the bytes of refused rows and of damaged stretches; 0 if there are none."""
        return {
            "refused": self._size(REFUSED) + self._size(_REPLAYING),
            "damaged": self._size(DAMAGED),
        }

    @contextmanager
    def taken(self) -> Iterator[list[Line]]:
        """
        Take the refused rows out; they are deleted if the block ends without an error.

        After an error, or a kill, they are taken again the next time. Another process waits.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        taking, refused = self._folder / _REPLAYING, self._folder / REFUSED
        with self._locked(_TAKING_LOCK):
            with self._locked():
                if not taking.exists() and refused.exists():
                    refused.rename(taking)
            yield decoded(taking.read_bytes()).lines if taking.exists() else []
            taking.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """Return the files that may hold something."""
        return [self._folder / name for name in (REFUSED, _REPLAYING, DAMAGED)]

    @contextmanager
    def rewritten(self) -> Iterator[dict[str, Contents]]:
        """
        Give the contents of each file that exists; what has changed at the end is written back.

        Workers that set something aside wait meanwhile, and so does a replay.
        """
        with self._locked(_TAKING_LOCK), self._locked():
            held = {path.name: decoded(path.read_bytes()) for path in self.paths() if path.exists()}
            changed = dict(held)
            yield changed
            for name, contents in changed.items():
                if contents != held[name]:
                    self._write(name, contents)

    def _write(self, name: str, contents: Contents) -> None:
        """Replace a file; one without contents is deleted."""
        path = self._folder / name
        if data := joined(contents):
            replace_file(path, data)
        else:
            path.unlink()

    def _append(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            fd = os.open(self._folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            try:
                written = os.write(fd, data)
                if written != len(data):
                    raise OSError(f"{written} of {len(data)} bytes written: no space left")
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def _size(self, name: str) -> int:
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def _locked(self, name: str = _LOCK) -> Iterator[None]:
        """Exclude the other workers; the kernel frees a killed one's lock."""
        fd = os.open(self._folder / name, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def joined(contents: Contents) -> bytes:
    """Return records and damaged stretches as the bytes of a file."""
    records = [encoded(kind, [row]) for kind, row in contents.lines]
    return b"".join([*records, *(b"\n" + part for part in contents.damaged)])


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file of the spool at once, durably."""
    fresh = path.with_name(f".{path.name}.replacing")
    fd = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
