"""
Where a request ends in the bytes of a connection: HTTP/1.1 framing, without parsing the request.

Gunicorn's parser reads from the connection until a request is whole, and so holds a thread for as
long as a client takes to send it. Here bytes are collected until the request is whole; only then is
it parsed. What this module finds malformed it calls whole, for the parser to refuse.

References
----------
.. [1] RFC 9112, "HTTP/1.1", sections 6 (message body) and 7.1 (chunked transfer coding).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

MAX_HEAD_BYTES: Final = 32_768
_MAX_CHUNK_LINE: Final = 256

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n")
_CHUNKED: Final = b"\r\ntransfer-encoding:"
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


class Progress(Enum):
    """How far a request has arrived."""

    PARTIAL = "partial"
    WHOLE = "whole"
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"


class IncomingRequests:
    """
    The requests of one connection; each is read by gunicorn's parser through ``recv``.

    Parameters
    ----------
    max_body_bytes : int
        Of a body, chunked or not.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._head_end = -1
        self._end = -1
        self._position = 0
        self._body_bytes = 0
        self._chunked = False
        self.progress = Progress.PARTIAL
        self.expects_continue = False

    @property
    def size(self) -> int:
        """Bytes that are buffered."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Progress:
        """Add bytes from the connection; return how far the first request has arrived."""
        self._buffer += data
        if self.progress is Progress.PARTIAL:
            self.progress = self._advance()
        return self.progress

    def recv(self, _size: int) -> bytes:
        """Return the whole of the first request, and take it out; empty if there is none."""
        if self.progress is not Progress.WHOLE:
            return b""
        request = bytes(self._buffer[: self._end])
        del self._buffer[: self._end]
        self._head_end = self._end = -1
        self._position = self._body_bytes = 0
        self._chunked = self.expects_continue = False
        self.progress = Progress.PARTIAL
        if self._buffer:
            self.progress = self._advance()
        return request

    def _advance(self) -> Progress:
        if self._head_end < 0:
            found = self._buffer.find(_HEAD_END, max(0, self._position - len(_HEAD_END)))
            self._position = len(self._buffer)
            if max(found, 0) > MAX_HEAD_BYTES or (found < 0 and self.size > MAX_HEAD_BYTES):
                return Progress.HEAD_TOO_LARGE
            if found < 0:
                return Progress.PARTIAL
            self._read_head(found)
        if self._chunked:
            return self._advance_chunks()
        if self._body_bytes > self._max_body_bytes:
            return Progress.BODY_TOO_LARGE
        return self._whole_at(self._head_end + self._body_bytes)

    def _read_head(self, found: int) -> None:
        self._head_end = self._position = found + len(_HEAD_END)
        head = bytes(self._buffer[: self._head_end]).lower()
        self.expects_continue = b"\r\nexpect:" in head
        self._chunked = _CHUNKED in head
        length = _LENGTH.search(head)
        self._body_bytes = int(length[1]) if length and not self._chunked else 0

    def _advance_chunks(self) -> Progress:
        """Walk over the chunks; ``_position`` is at the size of the next one."""
        while True:
            chunk = _CHUNK.match(self._buffer, self._position)
            if chunk is None:
                line_end = self._buffer.find(b"\r\n", self._position)
                unfinished = line_end < 0 and self.size - self._position < _MAX_CHUNK_LINE
                return Progress.PARTIAL if unfinished else self._whole_at(self.size)
            size = int(chunk[1], 16)
            if size == 0:
                end = self._buffer.find(_HEAD_END, chunk.end() - 2)
                if end < 0 and self.size - chunk.end() < MAX_HEAD_BYTES:
                    return Progress.PARTIAL
                return self._whole_at(end + len(_HEAD_END) if end >= 0 else self.size)
            if self._body_bytes + size > self._max_body_bytes:
                return Progress.BODY_TOO_LARGE
            if self.size < chunk.end() + size + 2:
                return Progress.PARTIAL
            self._body_bytes += size
            self._position = chunk.end() + size + 2

    def _whole_at(self, end: int) -> Progress:
        if self.size < end:
            return Progress.PARTIAL
        self._end = end
        return Progress.WHOLE
