"""
Transactions that end within a time, also when the server hangs.

A server that is stopped answers nothing, and its system still acknowledges what is sent: neither
its own ``statement_timeout`` nor TCP's keep-alive helps, and the driver waits for ever. So the
client's end of the connection is shut down from another thread, and the call fails. The pool then
tries a new connection by itself, which such a server's system accepts too: after the deadline none
is made, and before it one gets only the time that is left.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from psycopg2 import OperationalError
from sqlalchemy import Connection, Engine, event

from include.store.engine import CONNECT_TIMEOUT_S
from include.store.queries import query

LOCK_TIMEOUT_S: Final = 5.0
"""Longest wait for a lock that another transaction holds; less than any deadline."""


class Deadlines:
    """
    One thread's transactions on an engine of its own, each with a deadline.

    Parameters
    ----------
    connect : callable returning Engine
        Called at the first transaction: connections do not survive a fork.
    timeout_s : float
        Seconds for a whole transaction, connecting included, > 0. What is left for connecting is
        rounded up to whole seconds, as the driver takes it.
    """

    def __init__(self, connect: Callable[[], Engine], *, timeout_s: float) -> None:
        self._connect = connect
        self._timeout_s = timeout_s
        self._engine: Engine | None = None
        self._driver_connection: Any = None
        self._ends = math.inf

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """
        Give a connection in a transaction, committed at the end of the block.

        Raises
        ------
        OperationalError
            If the deadline passed, or PostgreSQL is unavailable.
        """
        self._ends = time.monotonic() + self._timeout_s
        timer = threading.Timer(self._timeout_s, self._shut_down)
        timer.daemon = True
        timer.start()
        try:
            with self.engine.connect() as connection, connection.begin():
                connection.execute(
                    query("set_timeouts"),
                    {
                        "statement": f"{self._timeout_s * 1000:.0f}",
                        "lock": f"{LOCK_TIMEOUT_S * 1000:.0f}",
                    },
                )
                yield connection
        finally:
            timer.cancel()
            self._ends = math.inf

    @property
    def engine(self) -> Engine:
        """The engine, made at the first use."""
        if self._engine is None:
            self._engine = self._connect()
            event.listen(self._engine, "do_connect", self._connecting)
            event.listen(self._engine, "connect", self._connected, insert=True)
        return self._engine

    def dispose(self) -> None:
        """Close the connections, which may be broken; the next transaction opens new ones."""
        if self._engine is not None:
            self._engine.dispose()

    def _connecting(
        self, _dialect: object, _record: object, _arguments: object, options: dict[str, Any]
    ) -> None:
        """Give a new connection the time that is left; refuse it after the deadline."""
        left_s = self._ends - time.monotonic()
        if left_s <= 0:
            raise OperationalError("the server did not answer before the deadline")
        if math.isfinite(left_s):
            options["connect_timeout"] = min(CONNECT_TIMEOUT_S, math.ceil(left_s))

    def _connected(self, driver_connection: Any, _record: object) -> None:
        self._driver_connection = driver_connection

    def _shut_down(self) -> None:
        """Make the driver's pending call fail; its thread then closes the connection."""
        with suppress(Exception):  # it has just been closed
            fd = os.dup(self._driver_connection.fileno())
            with socket.socket(fileno=fd) as sock:
                sock.shutdown(socket.SHUT_RDWR)
