"""A line about each request, written in batches; see `serving.batches`."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from serving.batches import Batch

LOGGER: Final = "serving.access"
"""Its level says whether lines are written."""


class AccessLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of a request; the questions themselves only if asked for."""

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
    asked: list[dict[str, str]] | UnsetType = UNSET


class AccessLog(Batch[AccessLine]):
    """
    Notes lines and writes them together.

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
    def wanted(self) -> bool:
        """Whether the level of `LOGGER` asks for lines."""
        return self._logger.isEnabledFor(logging.INFO)

    def _write_lines(self, lines: Sequence[AccessLine]) -> None:
        for part in _parts([msgspec.json.encode(line) + b"\n" for line in lines]):
            self._sink(part)


def access_line(
    *,
    request_id: str,
    method: str,
    path: str,
    status: int,
    seconds: float,
    key: str | None,
    asked: Sequence[Any] | None,
    log_text: bool,
) -> AccessLine:
    """Return the line about a request that has taken ``seconds``; ``asked`` are its questions."""
    texts = [{"title": q.title, "body": q.body} for q in asked] if asked and log_text else UNSET
    return AccessLine(
        at=datetime.now(UTC),
        pid=os.getpid(),
        request_id=request_id,
        method=method,
        path=path,
        status=status,
        ms=round(seconds * 1000, 3),
        key=UNSET if key is None else key,
        questions=len(asked) if asked else UNSET,
        asked=texts,
    )


def _parts(lines: Sequence[bytes]) -> Iterator[bytes]:
    """
    Yield the lines in as few parts as a pipe takes whole.

    Workers share their standard error: a longer part of one could be cut by another's.
    """
    part = bytearray()
    for line in lines:
        if part and len(part) + len(line) > select.PIPE_BUF:
            yield bytes(part)
            part.clear()
        part += line
    yield bytes(part)


def _to_stderr(part: bytes) -> None:
    os.write(2, part)
