"""Connections of the worker: whole requests in, responses out, and no thread waits for either."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, Final, cast

import msgspec
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from serving.framing import IncomingRequests, Progress

_RECEIVE_BYTES: Final = 65_536
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class SendBuffer(socket.socket):
    """A socket whose ``sendall`` never blocks: what the client does not take yet is kept."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.unsent = bytearray()

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send what the kernel takes, and keep the rest for `flush`."""
        view = memoryview(data).cast("B")
        sent = 0 if self.unsent else self._send(view)
        if sent < len(view):
            self.unsent += view[sent:]

    def flush(self) -> bool:
        """Send more of what is kept; return whether all is sent."""
        if self.unsent:
            del self.unsent[: self._send(memoryview(bytes(self.unsent)))]
        return not self.unsent

    def _send(self, view: memoryview) -> int:
        try:
            return self.send(view, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0


class Connection(TConn):
    """
    A connection that collects requests without blocking.

    ``closed`` says whether the client has closed its side; ``since`` is when the first byte of the
    request that is arriving was received, in seconds of the monotonic clock, or None.
    """

    def __init__(self, cfg: Any, sock: SendBuffer, client: Any, server: Any, limit: int) -> None:
        super().__init__(cfg, sock, client, server)
        self.sock: SendBuffer = sock
        self.incoming = IncomingRequests(limit)
        self.closed = False
        self.since: float | None = None
        self.data_ready = True  # gunicorn need not wait for the first byte

    def init(self) -> None:
        """Let gunicorn's parser read whole requests only."""
        if not self.initialized:
            self.initialized = True
            self.parser = RequestParser(self.cfg, cast(socket.socket, self.incoming), self.client)

    def receive(self, now: float) -> Progress:
        """Take what has arrived; return how far the first request is."""
        while self.incoming.progress is Progress.PARTIAL:
            try:
                data = self.sock.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
                break
            self.since = self.since or now
            self.incoming.feed(data)
            if len(data) < _RECEIVE_BYTES:
                break
        if self.incoming.progress is Progress.WHOLE:
            self.since = None
        elif self.incoming.expects_continue:
            self.incoming.expects_continue = False
            with suppress(OSError):
                self.sock.sendall(_CONTINUE)
        return self.incoming.progress


def refusal(status: int, reason: str, kind: str, detail: str, retry_after_s: int = 0) -> bytes:
    """Return a whole response with a problem document (RFC 9457), for a request that none reads."""
    body = msgspec.json.encode(
        {
            "type": f"urn:tagkeeper:problem:{kind}",
            "title": reason,
            "status": status,
            "detail": detail,
        }
    )
    retry = f"Retry-After: {retry_after_s}\r\n" if retry_after_s else ""
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/problem+json\r\n{retry}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
