"""
Gunicorn's threaded worker, for clients that keep their connection.

Gunicorn gives a connection back to the worker's main thread after every answer: a wake-up through a
pipe, two changes of what is polled, and a thread of the pool woken for the next request. Together
they cost as much as Flask, and more when the interpreter is busy, as each of them waits for it.
Here one thread answers a client that asks again and again, as long as nobody waits for a thread.

All workers wake up for a new connection, and the one that has just worked nearly always wins it: of
four clients, one worker may keep all. Here those that have more give way, for a moment.
"""

from __future__ import annotations

import mmap
import select
import time
from collections import deque
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

STAY_MS: Final = 50
"""How long a thread waits for a connection's next request before the main thread does."""

GIVE_WAY_S: Final = 0.003
"""How long a worker leaves a new connection to those that have fewer, in steps of `STEP_S`."""

STEP_S: Final = 0.0003

SLOTS: Final = 256


class Connections:
    """How many connections each worker of a machine has, in memory that they share after a fork."""

    def __init__(self) -> None:
        # One more than there are; 0 stands for a slot without a worker.
        self._shared = memoryview(mmap.mmap(-1, 2 * SLOTS)).cast("H")

    def note(self, worker: int, connections: int) -> None:
        """Let all know what ``worker``, numbered from its birth, has."""
        self._shared[worker % SLOTS] = min(connections, 0xFFFE) + 1

    def forget(self, worker: int) -> None:
        """Forget a worker that is no more."""
        self._shared[worker % SLOTS] = 0

    def fewest(self) -> int:
        """Return what the worker with the fewest has; 0 if there is none."""
        return min((count for count in self._shared.tolist() if count), default=1) - 1


CONNECTIONS: Final = Connections()


class StayingWorker(ThreadWorker):
    """A threaded worker as the module says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queued: deque[None] = deque()
        # One thread is always left for whoever comes new.
        self._places = deque([None] * (self.cfg.threads - 1))
        self._giving_way_since: float | None = None
        self._gives_way: float | None = None

    def accept(self, listener: Any) -> None:
        """Take a new connection, unless a worker with fewer of them may take it yet."""
        now = time.monotonic()
        since = self._giving_way_since or now
        if self.nr_conns > CONNECTIONS.fewest() and now - since < GIVE_WAY_S:
            self._gives_way = since
            time.sleep(STEP_S)
        else:
            super().accept(listener)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Do what has come up, and let the other workers know how many connections there are."""
        self._gives_way = None
        super().wait_for_and_dispatch_events(timeout)
        self._giving_way_since = self._gives_way
        if self.alive:
            CONNECTIONS.note(self.age, self.nr_conns)
        else:
            CONNECTIONS.forget(self.age)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection with a request to the threads."""
        self._queued.append(None)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a connection's request, and those that follow while no other waits."""
        self._queued.popleft()
        again = super().handle(conn)
        while again is True and not self._queued and self._asks_again(conn):
            again = super().handle(conn)
        return again

    def _asks_again(self, conn: Any) -> bool:
        """Return whether the connection's next request has come; False also if no place is free."""
        try:
            place = self._places.pop()
        except IndexError:
            return False
        try:
            poll = select.poll()
            poll.register(conn.sock, select.POLLIN)
            return bool(poll.poll(STAY_MS))
        finally:
            self._places.append(place)
