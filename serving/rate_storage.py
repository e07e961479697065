"""
Counters of the rate limit that all workers of one gunicorn share, without a server of their own.

Flask-Limiter's in-memory storage counts per process, so that each key would have its limit once
per worker. This one keeps the counters in memory that is made before gunicorn forks.
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
        """What a failing storage raises."""
        return OSError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add ``amount`` to the counter of ``key`` and return it; it ends in ``expiry`` seconds."""
        with self._locked():
            place, code, expires_at, count = self._find(key)
            if expires_at <= time.time():
                expires_at, count = time.time() + expiry, 0
            _SLOT.pack_into(self._memory, place, code, expires_at, count + amount)
            return count + amount

    def get(self, key: str) -> int:
        """Return the counter of ``key``."""
        with self._locked():
            _, _, expires_at, count = self._find(key)
            return count if expires_at > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the counter of ``key`` ends, in seconds since 1970."""
        with self._locked():
            return max(self._find(key)[2], time.time())

    def check(self) -> bool:
        """Return that memory is there."""
        return True

    def reset(self) -> int | None:
        """Forget every counter."""
        with self._locked():
            self._memory[:] = bytes(len(self._memory))
        return None

    def clear(self, key: str) -> None:
        """Forget the counter of ``key``."""
        with self._locked():
            place, code, _, _ = self._find(key)
            _SLOT.pack_into(self._memory, place, code, 0.0, 0)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep threads and other workers out; the kernel frees a killed worker's lock."""
        with self._lock:
            fcntl.lockf(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN)

    def _find(self, key: str) -> tuple[int, int, float, int]:
        """
        Return place, hash, expiry and count of ``key``'s slot.

        A new key takes the slot that ends first among the few where it may be: a free or ended
        one, as long as far fewer keys than slots are in use.
        """
        code = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") or 1
        places = [(code + step) % SLOTS * _SLOT.size for step in range(PROBES)]
        slots = [(place, *_SLOT.unpack_from(self._memory, place)) for place in places]
        for place, found, expires_at, count in slots:
            if found == code:
                return place, code, expires_at, count
        place = min(slots, key=lambda slot: slot[2])[0]
        return place, code, 0.0, 0
