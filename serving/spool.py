"""
A spool on local disk: appended rows survive the process and are drained in order.

Each worker appends records (`serving.spool_records`) to its own segment file and holds a lock on
it while it lives. ``write`` hands them to the kernel, so they survive ``kill -9``; with ``sync``
they are flushed to the disk, by one ``fdatasync`` for all threads that wait. A segment is sealed,
moved to PostgreSQL, then deleted; any worker adopts the segments of a dead one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from serving.spool_records import Contents, Line, decoded, encoded

log = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment of this size is sealed, so that it can be read and stored at once."""


@dataclass(eq=False, slots=True)
class Segment:
    """
    An open segment file.

    The first ``synced`` bytes of its ``size`` are known to be on the disk. ``buffered`` holds the
    appended rows, so that they need not be read back; None if they are only in the file.
    ``sync_failed`` is set for good when a flush fails: the kernel may have dropped the data, and
    would report the next flush as successful. ``attempts`` counts how often storing it failed.
    """

    path: Path
    fd: int
    size: int = 0
    synced: int = 0
    sync_lock: threading.Lock = field(default_factory=threading.Lock)
    buffered: list[Line] | None = None
    sync_failed: bool = False
    attempts: int = 0

    def contents(self) -> Contents:
        """Return the segment's rows, and damaged stretches; OSError if it cannot be read."""
        if self.buffered is not None:
            return Contents(self.buffered, [])
        return decoded(self.path.read_bytes())

    def delete(self) -> None:
        """Delete the file, whose rows are stored elsewhere, and close it."""
        self.path.unlink(missing_ok=True)
        with self.sync_lock:
            self.synced = self.size
        self.close()

    def close(self) -> None:
        """Close the file, which releases its lock, so that another worker may adopt it."""
        with self.sync_lock:
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
        self._unopened: set[Path] = set()

    def append(self, kind: str, payloads: Sequence[bytes]) -> None:
        """
        Append ``payloads``, which hold no line ends: all of them, or none and an OSError.

        Parameters
        ----------
        kind : str
            One ASCII letter, returned by ``Segment.contents``.
        """
        data = encoded(kind, payloads)
        with self._lock:
            segment = self._current
            if segment is None:
                segment = self._current = self._new_segment()
            self._write(segment, data)
            end = segment.size
            if segment.buffered is not None:
                segment.buffered.extend((kind, payload) for payload in payloads)
            if segment.size >= SEGMENT_BYTES:
                segment.buffered = None  # the memory of an outage stays bounded
                self._seal()
        if self.sync:
            try:
                _sync(segment, end)
            except OSError:
                with self._lock:
                    if self._current is segment:
                        self._seal()
                raise

    @property
    def current_bytes(self) -> int:
        """Size of the current segment."""
        segment = self._current
        return segment.size if segment else 0

    def seal(self) -> None:
        """Move the current segment, unless it is empty, to the end of ``sealed``."""
        with self._lock:
            if self._current is not None and self._current.size:
                self._seal()

    def drop_buffers(self) -> None:
        """Free the memory of sealed segments, of which many may gather during an outage."""
        for segment in self.sealed:
            segment.buffered = None

    def adopt(self) -> None:
        """
        Add the segments of dead workers to the end of ``sealed``, oldest first.

        One that cannot be opened is logged once and left where it is.
        """
        own = {segment.path for segment in (*self.sealed, self._current) if segment is not None}
        for path in segment_paths(self.folder):
            if path in own:
                continue
            try:
                segment = adopted(path)
            except OSError as error:
                if path not in self._unopened:
                    self._unopened.add(path)
                    log.error("a segment of the spool cannot be opened, mend it: %s", error)
                continue
            if segment is not None:
                self.sealed.append(segment)

    def close(self) -> None:
        """Close every segment; their rows stay on disk for the next worker."""
        self.seal()
        while self.sealed:
            segment = self.sealed.popleft()
            if self.sync:
                with suppress(OSError):  # then those who wait for the flush get an error
                    _sync(segment, segment.size)
            segment.close()
        with self._lock:
            if self._current is not None:
                self._current.delete()
                self._current = None

    def _seal(self) -> None:
        """Move the current segment to the end of ``sealed``; the caller holds the lock."""
        if self._current is not None:
            self.sealed.append(self._current)
            self._current = None

    def _new_segment(self) -> Segment:
        """Create a segment that is locked before other workers can see it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{time.time_ns() // 1_000_000:014d}-{os.getpid()}-{next(self._numbers)}"
        hidden = self.folder / f".{name}"
        fd = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path = self.folder / f"{name}.log"
        hidden.rename(path)
        if self.sync:
            _sync_folder(self.folder)
        return Segment(path, fd, buffered=[])

    def _write(self, segment: Segment, data: bytes) -> None:
        """Append all of ``data`` or, on a full disk, nothing."""
        try:
            written = os.write(segment.fd, data)
            if written != len(data):
                raise OSError(f"{written} of {len(data)} bytes written: no space left")
        except OSError:
            try:
                os.ftruncate(segment.fd, segment.size)
            except OSError:
                # The file holds part of a record: nothing may be appended, or cut off, after it.
                segment.buffered = None
                self._seal()
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


def adopted(path: Path) -> Segment | None:
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
        if segment.sync_failed or segment.fd < 0:
            raise OSError(f"{segment.path.name} could not be flushed to the disk")
        size = segment.size
        try:
            os.fdatasync(segment.fd)
        except OSError:
            segment.sync_failed = True
            raise
        segment.synced = size


def _sync_folder(folder: Path) -> None:
    """Flush the folder's entries, so that a new file survives a power failure."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
