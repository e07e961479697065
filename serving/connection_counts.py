"""How many connections each worker has, known to all of them."""

import mmap
from typing import Final

SLOTS: Final = 256


class ConnectionCounts:
    """The number of connections of each worker, in memory that the workers share after the fork."""

    def __init__(self) -> None:
        # Each slot holds the number plus one; 0 marks a slot without a worker.
        self._shared = memoryview(mmap.mmap(-1, 2 * SLOTS)).cast("H")

    def set(self, worker: int, connections: int) -> None:
        """Publish the number of connections of ``worker``, gunicorn's serial number."""
        self._shared[worker % SLOTS] = min(connections, 0xFFFE) + 1

    def clear(self, worker: int) -> None:
        """Free the slot of a worker that has ended."""
        self._shared[worker % SLOTS] = 0

    def minimum(self) -> int:
        """Return the smallest number of connections of any worker; 0 without workers."""
        return min((count for count in self._shared.tolist() if count), default=1) - 1


CONNECTION_COUNTS: Final = ConnectionCounts()
