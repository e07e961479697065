"""
Buffers for metrics and log lines, which a thread of each worker flushes twice a second.

Metrics and log lines written one by one cost shared memory, locks and system calls: a third of a
request's time. A killed worker loses what it buffered in the last half second. Predictions are
never buffered here: `serving.recorder` makes them durable before the answer is sent.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S: Final = 0.5
MAX_BUFFERED: Final = 4096
"""Buffered items at which `WriteBuffer.add` flushes itself, in case no flusher is running."""
MAX_WAITING: Final = 16 * MAX_BUFFERED
"""Buffered items beyond which the oldest are dropped, because a reader of log lines hangs."""

T = TypeVar("T")


class WriteBuffer(Generic[T]):
    """
    Items added one by one, from any thread, and written together.

    Parameters
    ----------
    write : callable
        Takes the items added since the last flush, oldest first, at least one.
    """

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._items: deque[T] = deque()
        self._flush_lock = threading.Lock()
        self.dropped = 0

    def add(self, item: T) -> None:
        """Keep ``item`` for the next flush; never waits for one that is under way."""
        self._items.append(item)
        if len(self._items) >= MAX_BUFFERED and self._flush_lock.acquire(blocking=False):
            try:
                self._flush()
            finally:
                self._flush_lock.release()
        elif len(self._items) > MAX_WAITING:
            self._items.popleft()
            self.dropped += 1

    def flush(self) -> None:
        """Write the buffered items."""
        with self._flush_lock:
            self._flush()

    def _flush(self) -> None:
        if items := [self._items.popleft() for _ in range(len(self._items))]:
            self._write(items)


class Flusher:
    """
    A thread that flushes buffers at an interval, and a last time when it is closed.

    Parameters
    ----------
    buffers : sequence of WriteBuffer
    """

    def __init__(self, buffers: Sequence[WriteBuffer[Any]]) -> None:
        self._buffers = buffers
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; call it in the worker process, after the fork."""
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and flush what is left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._flush()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_INTERVAL_S):
            self._flush()

    def _flush(self) -> None:
        for buffer in self._buffers:
            try:
                buffer.flush()
            except Exception:  # the other buffers, and later flushes, must go on
                log.exception("metrics or log lines could not be written")
