"""
Gunicorn's threaded worker, tuned for keep-alive connections.

Gunicorn returns a connection to the worker's main thread after every response: a wake-up through a
pipe, two changes of the poller's set, and another wake-up of a pool thread for the next request.
Together they cost as much as Flask, and more when the interpreter is busy, as each of them waits
for the interpreter lock. Here one thread serves consecutive requests of a connection, as long as no
other request waits for a thread.

A new connection wakes all workers, and the worker that was active last nearly always accepts it: of
four clients, one worker may get all. Here a worker with more connections than another delays its
accept for a moment.
"""

from __future__ import annotations

import mmap
import select
import time
from collections import deque
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

KEEP_ALIVE_WAIT_MS: Final = 50
"""How long a thread waits for a connection's next request before it returns the connection."""

MAX_ACCEPT_DELAY_S: Final = 0.003
"""How long a worker with more connections delays an accept, in steps of `ACCEPT_DELAY_STEP_S`."""

ACCEPT_DELAY_STEP_S: Final = 0.0003

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


class KeepAliveWorker(ThreadWorker):
    """A threaded worker that serves keep-alive connections in place and balances accepts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: deque[None] = deque()
        # One thread is always left for new connections.
        self._spare_threads = deque([None] * (self.cfg.threads - 1))
        self._deferring_since: float | None = None
        self._deferred_since: float | None = None

    def accept(self, listener: Any) -> None:
        """Accept a new connection, unless a worker with fewer connections may still accept it."""
        now = time.monotonic()
        since = self._deferring_since or now
        if self.nr_conns > CONNECTION_COUNTS.minimum() and now - since < MAX_ACCEPT_DELAY_S:
            self._deferred_since = since
            time.sleep(ACCEPT_DELAY_STEP_S)
        else:
            super().accept(listener)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Handle pending events, then publish the number of connections to the other workers."""
        self._deferred_since = None
        super().wait_for_and_dispatch_events(timeout)
        self._deferring_since = self._deferred_since
        if self.alive:
            CONNECTION_COUNTS.set(self.age, self.nr_conns)
        else:
            CONNECTION_COUNTS.clear(self.age)

    def enqueue_req(self, conn: Any) -> None:
        """Queue a connection with a request for the thread pool."""
        self._waiting.append(None)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Serve a connection's request, and its next ones while no other connection waits."""
        self._waiting.popleft()
        keep_alive = super().handle(conn)
        while keep_alive is True and not self._waiting and self._has_next_request(conn):
            keep_alive = super().handle(conn)
        return keep_alive

    def _has_next_request(self, conn: Any) -> bool:
        """Return whether the next request has arrived; False also if no spare thread may wait."""
        try:
            permit = self._spare_threads.pop()
        except IndexError:
            return False
        try:
            poll = select.poll()
            poll.register(conn.sock, select.POLLIN)
            return bool(poll.poll(KEEP_ALIVE_WAIT_MS))
        finally:
            self._spare_threads.append(permit)
