"""
A spool on local disk: appended lines survive the process and are drained in order.

Each worker appends to its own segment file and holds a lock on it while it lives. A line is
``crc32 kind payload``. ``write`` hands it to the kernel, so it survives ``kill -9``; with ``sync``
it is flushed to the disk, one ``fdatasync`` for all waiting threads. A segment is sealed, moved to
PostgreSQL in one transaction, then deleted; any worker adopts the segments of a dead one.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment of this size is sealed even while older ones wait."""


@dataclass(eq=False, slots=True)
class Segment:
    """
    An open segment file.

    The first ``synced`` bytes of its ``size`` are known to be on the disk. ``buffered`` holds the
    appended lines, so that they need not be read back; None if they are only in the file.
    """

    path: Path
    fd: int
    size: int = 0
    synced: int = 0
    sync_lock: threading.Lock = field(default_factory=threading.Lock)
    buffered: list[tuple[str, bytes]] | None = None

    def lines(self) -> list[tuple[str, bytes]]:
        """Return (kind, payload) of every valid line; a line cut by a crash is left out."""
        return list(self._read()) if self.buffered is None else self.buffered

    def _read(self) -> Iterator[tuple[str, bytes]]:
        for line in self.path.read_bytes().split(b"\n"):
            crc, _, rest = line.partition(b" ")
            if len(crc) == 8 and crc == b"%08x" % zlib.crc32(rest):
                yield rest[:1].decode("ascii"), rest[2:]

    def delete(self) -> None:
        """Delete the file, whose lines are stored elsewhere, and close it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file, which releases its lock, so that another worker may adopt it."""
        with self.sync_lock:
            self.synced = self.size
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1


class Spool:
    """
    The segments of one worker.

    Parameters
    ----------
    folder : Path
        Shared by the workers of a machine; created if missing.
    sync : bool, default=False
        Whether ``append`` waits until the lines are flushed to the disk: needed to survive a power
        failure, not a killed process.
    """

    def __init__(self, folder: Path, *, sync: bool = False) -> None:
        self.folder = folder
        self.sync = sync
        self.sealed: deque[Segment] = deque()
        self._current: Segment | None = None
        self._lock = threading.Lock()
        self._numbers = count()

    def append(self, kind: str, payloads: Sequence[bytes]) -> None:
        """
        Append ``payloads``, which hold no line ends: all of them, or none and an OSError.

        Parameters
        ----------
        kind : str
            One ASCII letter, returned by ``Segment.lines``.
        """
        head = kind.encode("ascii") + b" "
        data = b"".join(
            b"%08x %b\n" % (zlib.crc32(line), line) for line in (head + item for item in payloads)
        )
        with self._lock:
            segment = self._current
            if segment is None:
                segment = self._current = self._new_segment()
            self._write(segment, data)
            end = segment.size
            if segment.buffered is not None:
                segment.buffered.extend((kind, payload) for payload in payloads)
        if self.sync:
            _sync(segment, end)

    @property
    def current_bytes(self) -> int:
        """Size of the current segment."""
        segment = self._current
        return segment.size if segment else 0

    def seal(self) -> None:
        """Move the current segment, unless it is empty, to the end of ``sealed``."""
        with self._lock:
            if self._current is not None and self._current.size:
                self.sealed.append(self._current)
                self._current = None

    def drop_buffers(self) -> None:
        """Free the memory of sealed segments, of which many may gather during an outage."""
        for segment in self.sealed:
            segment.buffered = None

    def adopt(self) -> None:
        """Add the segments of dead workers to the end of ``sealed``, oldest first."""
        own = {segment.path for segment in (*self.sealed, self._current) if segment is not None}
        for path in segment_paths(self.folder):
            if path not in own and (segment := _adopted(path)) is not None:
                self.sealed.append(segment)

    def close(self) -> None:
        """Close every segment; their lines stay on disk for the next worker."""
        self.seal()
        while self.sealed:
            self.sealed.popleft().close()
        with self._lock:
            if self._current is not None:
                self._current.delete()
                self._current = None

    def _new_segment(self) -> Segment:
        """Create a segment that is locked before other workers can see it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns() // 1_000_000:014d}-{os.getpid()}-{next(self._numbers)}"
        hidden = self.folder / f".{name}"
        fd = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path = self.folder / f"{name}.log"
        hidden.rename(path)
        if self.sync:
            _sync_folder(self.folder)
        return Segment(path, fd, buffered=[])

    @staticmethod
    def _write(segment: Segment, data: bytes) -> None:
        """Append all of ``data`` or, on a full disk, nothing."""
        try:
            written = os.write(segment.fd, data)
            if written != len(data):
                raise OSError(f"{written} of {len(data)} bytes written: no space left")
        except OSError:
            os.ftruncate(segment.fd, segment.size)
            raise
        segment.size += len(data)


def segment_paths(folder: Path) -> list[Path]:
    """Return the segments in ``folder``, oldest first; names begin with the creation time."""
    return sorted(folder.glob("[0-9]*.log"))


def spool_state(folder: Path) -> tuple[int, float]:
    """Return waiting bytes and the age in seconds of the oldest segment that is not empty."""
    waiting, oldest = 0, 0.0
    for path in segment_paths(folder):
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # drained between glob and stat
            continue
        waiting += size
        if size:
            oldest = max(oldest, time.time() - int(path.name.split("-")[0]) / 1000)
    return waiting, oldest


def _adopted(path: Path) -> Segment | None:
    """Return the segment at ``path`` if its worker is dead and no other has adopted it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    state = os.fstat(fd)
    if state.st_nlink == 0:  # drained and deleted while this worker was opening it
        os.close(fd)
        return None
    return Segment(path, fd, size=state.st_size, synced=state.st_size)


def _sync(segment: Segment, end: int) -> None:
    """Return when the first ``end`` bytes are on the disk; threads share one call."""
    with segment.sync_lock:
        if segment.synced >= end:
            return
        size = segment.size
        os.fdatasync(segment.fd)
        segment.synced = size


def _sync_folder(folder: Path) -> None:
    """Flush the folder's entries, so that a new file survives a power failure."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
