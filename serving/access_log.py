"""The access log: a line per request, buffered; see `serving.write_buffers`."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from serving.write_buffers import WriteBuffer

LOGGER: Final = "serving.access"
"""Lines are written if this logger is enabled for INFO."""


class AccessLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the access log; ``texts`` only with ``SERVICE_LOG_TEXT``."""

    at: datetime
    level: str = "info"
    logger: str = LOGGER
    pid: int
    message: str = "request"
    request_id: str
    method: str
    path: str
    status: int
    ms: float
    key: str | UnsetType = UNSET
    questions: int | UnsetType = UNSET
    texts: list[dict[str, str]] | UnsetType = UNSET


class AccessLog(WriteBuffer[AccessLine]):
    """
    Buffers lines and writes them together.

    Parameters
    ----------
    write : callable, default: to standard error
        Takes whole lines as bytes.
    """

    def __init__(self, write: Callable[[bytes], Any] | None = None) -> None:
        self._sink = write or _to_stderr
        self._logger = logging.getLogger(LOGGER)
        super().__init__(self._write_lines)

    @property
    def enabled(self) -> bool:
        """Whether `LOGGER` is enabled for INFO."""
        return self._logger.isEnabledFor(logging.INFO)

    def _write_lines(self, lines: Sequence[AccessLine]) -> None:
        for chunk in _chunks([msgspec.json.encode(line) + b"\n" for line in lines]):
            self._sink(chunk)


def access_line(
    *,
    request_id: str,
    method: str,
    path: str,
    status: int,
    seconds: float,
    key: str | None,
    questions: Sequence[Any] | None,
    log_text: bool,
) -> AccessLine:
    """Return the line of a request that took ``seconds``."""
    texts = (
        [{"title": q.title, "body": q.body} for q in questions] if questions and log_text else UNSET
    )
    return AccessLine(
        at=datetime.now(UTC),
        pid=os.getpid(),
        request_id=request_id,
        method=method,
        path=path,
        status=status,
        ms=round(seconds * 1000, 3),
        key=UNSET if key is None else key,
        questions=len(questions) if questions else UNSET,
        texts=texts,
    )


def _chunks(lines: Sequence[bytes]) -> Iterator[bytes]:
    """
    Yield the lines in as few chunks as a pipe writes atomically.

    Workers share their standard error: another worker's output could split a longer chunk.
    """
    chunk = bytearray()
    for line in lines:
        if chunk and len(chunk) + len(line) > select.PIPE_BUF:
            yield bytes(chunk)
            chunk.clear()
        chunk += line
    yield bytes(chunk)


def _to_stderr(chunk: bytes) -> None:
    os.write(2, chunk)
