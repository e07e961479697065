"""
Rate-limit counters that the workers of one gunicorn share, without a separate server.

Flask-Limiter's in-memory storage counts per process, which would multiply each key's limit by the
number of workers. This one keeps the counters in shared memory allocated before gunicorn forks.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Final

from limits.storage import Storage

SCHEME: Final = "shared-memory"
SLOTS: Final = 4096
PROBES: Final = 16
_SLOT: Final = struct.Struct("<QdQ")  # hash of the key, when it expires, count


class SharedMemoryStorage(Storage):
    """Fixed-window counters in shared memory; see `limits.storage.Storage` for the methods."""

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012  as the base class declares it

    def __init__(
        self, uri: str | None = None, *, wrap_exceptions: bool = False, **_: object
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._fd = os.memfd_create("rate-limits")
        os.ftruncate(self._fd, SLOTS * _SLOT.size)
        self._memory = mmap.mmap(self._fd, SLOTS * _SLOT.size)
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """The exceptions of a failing storage."""
        return OSError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add ``amount`` to ``key``'s counter and return it; a new one expires in ``expiry`` s."""
        with self._locked():
            offset, key_hash, expires_at, count = self._find(key)
            if expires_at <= time.time():
                expires_at, count = time.time() + expiry, 0
            _SLOT.pack_into(self._memory, offset, key_hash, expires_at, count + amount)
            return count + amount

    def get(self, key: str) -> int:
        """Return the counter of ``key``."""
        with self._locked():
            _, _, expires_at, count = self._find(key)
            return count if expires_at > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the counter of ``key`` expires, in seconds since 1970."""
        with self._locked():
            return max(self._find(key)[2], time.time())

    def check(self) -> bool:
        """Return True: memory is always available."""
        return True

    def reset(self) -> int | None:
        """Clear every counter."""
        with self._locked():
            self._memory[:] = bytes(len(self._memory))
        return None

    def clear(self, key: str) -> None:
        """Clear the counter of ``key``."""
        with self._locked():
            offset, key_hash, _, _ = self._find(key)
            _SLOT.pack_into(self._memory, offset, key_hash, 0.0, 0)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclude threads and other workers; the kernel frees a killed worker's lock."""
        with self._lock:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def _find(self, key: str) -> tuple[int, int, float, int]:
        """
        Return offset, key hash, expiry and count of ``key``'s slot.

        Linear probing over `PROBES` slots. A new key takes the one that expires first: a free or
        expired slot, as long as far fewer keys than slots are in use.
        """
        key_hash = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") or 1
        offsets = [(key_hash + step) % SLOTS * _SLOT.size for step in range(PROBES)]
        slots = [(offset, *_SLOT.unpack_from(self._memory, offset)) for offset in offsets]
        for offset, slot_hash, expires_at, count in slots:
            if slot_hash == key_hash:
                return offset, key_hash, expires_at, count
        offset = min(slots, key=lambda slot: slot[2])[0]
        return offset, key_hash, 0.0, 0
