"""
Gunicorn's threaded worker, with less to do between two requests of one connection.

Gunicorn gives a connection back to the worker's main thread after every answer: a wake-up through a
pipe, two changes of what is polled, and a thread of the pool woken for the next request. Together
they cost as much as Flask, and more when the interpreter is busy, as every one of them waits for
it. A client that asks again and again is answered by one thread here, as long as nobody waits.
"""

from __future__ import annotations

import select
import time
from collections import deque
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

STAY_MS: Final = 50
"""How long a thread waits for a connection's next request before the main thread does."""

SLOWER_S: Final = 0.0002
"""How much longer a worker waits to take a connection for each one that it has."""

SLOWEST_S: Final = 0.002


class StayingWorker(ThreadWorker):
    """A threaded worker whose threads stay with a connection while its client keeps asking."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queued: deque[None] = deque()
        # One thread is always left for whoever comes new.
        self._places = deque([None] * (self.cfg.threads - 1))

    def accept(self, listener: Any) -> None:
        """
        Take a new connection, unless a worker with fewer of them was faster.

        All workers wake up for it, and the one that has just worked would nearly always win.
        """
        time.sleep(min(self.nr_conns * SLOWER_S, SLOWEST_S))
        super().accept(listener)

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
