"""Connections of the worker: whole requests in, responses out, and no thread waits for either."""

from __future__ import annotations

import socket
from contextlib import suppress
from io import BytesIO
from typing import Any, Final, cast

import msgspec
from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from serving.framing import IncomingRequests, Progress

_RECEIVE_BYTES: Final = 65_536
_MAX_HELD_BYTES: Final = 65_536
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class SendBuffer(socket.socket):
    """
    A socket whose ``sendall`` never blocks: what the client does not take yet is kept.

    Between `hold` and `release` small responses are kept as well. Gunicorn sends head and body by
    a call each, which wakes the client for the head alone.
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.unsent = bytearray()
        self._held = False

    def setblocking(self, flag: bool, /) -> None:
        """Change the mode if it is another: gunicorn sets it before each request."""
        if flag != self.getblocking():
            super().setblocking(flag)

    def hold(self) -> None:
        """Keep what `sendall` is given, up to 64 kB, until `release`."""
        self._held = True

    def release(self) -> None:
        """Send what was held; after an error it is kept, and `flush` raises the error again."""
        self._held = False
        with suppress(OSError):
            self.flush()

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send what the kernel takes, and keep the rest for `flush`."""
        view = memoryview(data).cast("B")
        if self._held and len(self.unsent) + len(view) <= _MAX_HELD_BYTES:
            self.unsent += view
            return
        sent = self._send(view) if self.flush() else 0
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


class WholeRequest(Request):
    """A request that has arrived as a whole, from a client that is no proxy."""

    def set_body_reader(self) -> None:
        """Make the body a file in memory: gunicorn's reader copies what is left each kilobyte."""
        super().set_body_reader()
        reader = self.body.reader if self.body is not None else None
        if isinstance(reader, LengthReader):
            body = BytesIO(self.unreader.read(reader.length))
            self.body = body  # type: ignore[assignment]  # a file, as a body is

    def _peer_is_trusted_proxy(self) -> bool:
        # As ``forwarded_allow_ips`` is empty; gunicorn parses the client's address to find out
        return False


class WholeRequestParser(RequestParser):
    """Gunicorn's parser, for requests that have arrived as a whole."""

    mesg_class = WholeRequest


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
            self.parser = WholeRequestParser(
                self.cfg, cast(socket.socket, self.incoming), self.client
            )

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
