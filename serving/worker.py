"""
Gunicorn's threaded worker, bounded, and tuned for keep-alive connections.

Gunicorn gives a connection to a thread before its request has arrived, and the thread waits for the
rest without a deadline: as many clients as there are threads stop the service by sending half a
request, or by not reading a response. Here the main thread collects requests, each with a deadline,
and gives a thread only whole ones; responses never block a thread either. The requests that wait
for a thread are bounded: one more is answered with 503.

Gunicorn returns a connection to the main thread after every response: a wake-up through a pipe, two
changes of the poller's set, and another wake-up of a pool thread for the next request. Together
they cost as much as Flask, and more when the interpreter is busy, as each of them waits for the
interpreter lock. Here one thread serves consecutive requests of a connection, as long as no other
request waits for a thread: 3,032 constant responses a second instead of 2,731 (docs/serving.md).
Only one: threads with a connection each would take the interpreter lock from each other at every
system call, twice in each request.

A new connection wakes all workers, and the worker that was active last nearly always accepts it: of
four clients, one worker may get all. Here a worker with more connections than another delays its
accept for a moment.
"""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, Final, NamedTuple

from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

from include.settings import Settings
from serving import metrics
from serving.connection_counts import CONNECTION_COUNTS
from serving.connections import Connection, SendBuffer, refusal
from serving.framing import Progress

KEEP_ALIVE_WAIT_MS: Final = 50
"""How long a thread waits for a connection's next request before it returns the connection."""

MAX_ACCEPT_DELAY_S: Final = 0.003
"""How long a worker with more connections delays an accept, in steps of `ACCEPT_DELAY_STEP_S`."""

ACCEPT_DELAY_STEP_S: Final = 0.0003

SEND_TIMEOUT_S: Final = 15.0
"""Longest time that a client may take to receive a response."""

LINGER_S: Final = 2.0
"""Time for a client to close its side, so that no reset destroys the response (RFC 9112, 9.6)."""

EXPIRY_INTERVAL_S: Final = 0.25
MAX_RECEIVED_BYTES: Final = 64 * 1024 * 1024
"""Limit of all requests of a worker that have not arrived as a whole."""

SPARE_CONNECTIONS: Final = 16
"""Below gunicorn's limit, from which the connection that has waited longest is closed."""


def look_up_settings(cfg: Config) -> None:
    """
    Make each of gunicorn's settings an attribute of ``cfg`` itself, with the value that it has now.

    Gunicorn computes a setting at each use, about twenty times a request.
    """
    vars(cfg).update({name: setting.get() for name, setting in cfg.settings.items()})


class Parked(NamedTuple):
    """A connection that waits in the poller, and what happens when its time is over."""

    connection: Connection
    deadline: float
    expired: Callable[[Connection], None]


class BoundedWorker(ThreadWorker):
    """A threaded worker with deadlines, a bounded queue and keep-alive in place; see the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = Settings.from_env()
        self._max_body_bytes = settings.service_max_body_bytes
        self._receive_timeout_s = settings.service_receive_timeout_s
        self._max_queue = settings.service_queue
        self._parked: dict[int, Parked] = {}
        self._expiry_due = 0.0
        self._waiting: deque[None] = deque()
        self._waiter = Lock()
        """Held by the thread that waits for its connection's next request."""
        self._deferring_since: float | None = None
        self._deferred_since: float | None = None

    def init_process(self) -> None:
        """Run the worker; its settings no longer change."""
        look_up_settings(self.cfg)
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Accept a new connection, unless a worker with fewer connections may still accept it."""
        now = time.monotonic()
        since = self._deferring_since or now
        if self.nr_conns > CONNECTION_COUNTS.minimum() and now - since < MAX_ACCEPT_DELAY_S:
            self._deferred_since = since
            time.sleep(ACCEPT_DELAY_STEP_S)
            return
        try:
            accepted, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # too many open files
            self.log.warning("a connection cannot be accepted: %s", error)
            self._drop_oldest()
            return
        self.nr_conns += 1
        connection = Connection(
            self.cfg, SendBuffer(accepted), client, listener.getsockname(), self._max_body_bytes
        )
        self._receive(connection)
        if self.nr_conns > self.worker_connections - SPARE_CONNECTIONS:
            self._drop_oldest()

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Handle pending events, then publish the number of connections to the other workers."""
        self._deferred_since = None
        super().wait_for_and_dispatch_events(min(timeout or 0.0, EXPIRY_INTERVAL_S))
        self._deferring_since = self._deferred_since
        if self.alive:
            CONNECTION_COUNTS.set(self.age, self.nr_conns)
        else:
            CONNECTION_COUNTS.clear(self.age)

    def murder_keepalived(self) -> None:
        """Close connections whose time is over, and all idle ones when the worker stops."""
        now = time.monotonic()
        if now < self._expiry_due and self.alive:
            return
        self._expiry_due = now + EXPIRY_INTERVAL_S
        for parked in list(self._parked.values()):
            idle = parked.expired == self._drop
            if parked.deadline <= now or (idle and not self.alive):
                self._unpark(parked.connection)
                parked.expired(parked.connection)

    def enqueue_req(self, connection: Any) -> None:
        """Queue a whole request for the thread pool, or refuse it if too many wait."""
        if len(self._waiting) >= self._max_queue:
            self._refuse(connection, 503, "Service Unavailable", "busy", "too many requests wait")
            return
        self._waiting.append(None)
        super().enqueue_req(connection)

    def handle(self, connection: Any) -> Any:
        """Serve a connection's request, and its next ones while no other connection waits."""
        self._waiting.popleft()
        keep_alive = self._serve(connection)
        while keep_alive is True and not self._waiting and self._has_next_request(connection):
            keep_alive = self._serve(connection)
        return keep_alive

    def _serve(self, connection: Connection) -> Any:
        """Serve one request, and send head and body of the response together."""
        connection.sock.hold()
        try:
            return super().handle(connection)
        finally:
            connection.sock.release()

    def finish_request(self, connection: Any, future: Any) -> None:
        """Send the rest of the response; then wait for the next request, or close."""
        try:
            keep_alive = future.result() is True and self.alive
        except Exception:
            self.log.exception("a request's thread failed")
            keep_alive = False
        self._send(connection, keep_alive=keep_alive)

    def _has_next_request(self, connection: Connection) -> bool:
        """Return whether the next request is here; False while another thread waits for one."""
        if connection.sock.unsent or connection.closed:
            return False
        if connection.incoming.progress is Progress.WHOLE:  # pipelined
            return True
        # Of several threads, one waits at most; a single one is left for new connections.
        if self.cfg.threads == 1 or not self._waiter.acquire(blocking=False):
            return False
        try:
            poll = select.poll()
            poll.register(connection.sock, select.POLLIN)
            if not poll.poll(KEEP_ALIVE_WAIT_MS):
                return False
            return connection.receive(time.monotonic()) is Progress.WHOLE
        finally:
            self._waiter.release()

    def _receive(self, connection: Connection) -> None:
        """Take what has arrived of a request, and queue, refuse or await it."""
        now = time.monotonic()
        progress = connection.receive(now)
        if progress is Progress.WHOLE:
            self.enqueue_req(connection)
        elif progress is Progress.BODY_TOO_LARGE:
            detail = "send a smaller body, or a batch in parts"
            kind = "request_entity_too_large"
            self._refuse(connection, 413, "Content Too Large", kind, detail)
        elif progress is Progress.HEAD_TOO_LARGE:
            reason = "Request Header Fields Too Large"
            self._refuse(connection, 431, reason, "headers_too_large", "send fewer headers")
        elif connection.closed:
            self._drop(connection)
        elif connection.since is None:
            self._park(connection, self._receive, now + self.cfg.keepalive, self._drop)
        elif self._received_bytes(connection) > MAX_RECEIVED_BYTES:
            detail = "too many requests arrive slowly"
            self._refuse(connection, 503, "Service Unavailable", "busy", detail)
        else:
            deadline = connection.since + self._receive_timeout_s
            self._park(connection, self._receive, deadline, self._refuse_slow)

    def _received_bytes(self, connection: Connection) -> int:
        """Return the bytes of all requests that have not arrived as a whole; 0 for a small one."""
        if connection.incoming.size < MAX_RECEIVED_BYTES // 1024:
            return 0
        parked = sum(other.connection.incoming.size for other in self._parked.values())
        return parked + connection.incoming.size

    def _send(self, connection: Connection, *, keep_alive: bool) -> None:
        """Send what is left of a response, then go on with the connection."""
        try:
            sent = connection.sock.flush()
        except OSError:
            self._drop(connection)
            return
        if not sent:
            self._park(
                connection,
                lambda waiting: self._send(waiting, keep_alive=keep_alive),
                time.monotonic() + SEND_TIMEOUT_S,
                self._abandon,
                selectors.EVENT_WRITE,
            )
        elif keep_alive:
            self._receive(connection)
        else:
            self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """Close our side, and wait for the client to close its own."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        self._discard(connection, time.monotonic() + LINGER_S)

    def _discard(self, connection: Connection, deadline: float) -> None:
        """Read and forget what a refused client still sends, until it closes or time is over."""
        try:
            data = connection.sock.recv(65_536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            data = b"\0"
        except OSError:
            data = b""
        if data:
            self._park(connection, lambda c: self._discard(c, deadline), deadline, self._abandon)
        else:
            self._drop(connection)

    def _refuse(
        self, connection: Connection, status: int, reason: str, kind: str, detail: str
    ) -> None:
        """Answer without a thread, and close."""
        metrics.ERRORS.labels(kind).inc()
        retry_after_s = 5 if status == 503 else 0
        try:
            connection.sock.sendall(refusal(status, reason, kind, detail, retry_after_s))
        except OSError:
            self._drop(connection)
            return
        self._send(connection, keep_alive=False)

    def _refuse_slow(self, connection: Connection) -> None:
        detail = f"the request did not arrive within {self._receive_timeout_s:g} s"
        self._refuse(connection, 408, "Request Timeout", "request_timeout", detail)

    def _park(
        self,
        connection: Connection,
        callback: Callable[[Connection], None],
        deadline: float,
        expired: Callable[[Connection], None],
        events: int = selectors.EVENT_READ,
    ) -> None:
        """Wait in the poller, without a thread; ``expired`` is called after the deadline."""
        self._unpark(connection)

        def ready(_sock: Any) -> None:
            self._unpark(connection)
            callback(connection)

        self.poller.register(connection.sock, events, ready)
        self._parked[id(connection)] = Parked(connection, deadline, expired)

    def _unpark(self, connection: Connection) -> Parked | None:
        parked = self._parked.pop(id(connection), None)
        if parked is not None:
            self.poller.unregister(connection.sock)
        return parked

    def _drop_oldest(self) -> None:
        """Close the connection that has waited longest for a request."""
        waiting = [p for p in self._parked.values() if p.expired in (self._drop, self._refuse_slow)]
        if waiting:
            self._abandon(min(waiting, key=lambda parked: parked.deadline).connection)

    def _abandon(self, connection: Connection) -> None:
        self._unpark(connection)
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        """Close a connection that is not parked."""
        self.nr_conns -= 1
        with suppress(OSError):
            connection.sock.close()
