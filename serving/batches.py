"""
What a request only notes in memory, and a thread of each worker writes out, twice a second.

Metrics and log lines cost shared memory, locks and system calls when they are written one by one: a
third of a request's time. A killed worker loses what it noted in the last half second; the
record of predictions never goes this way.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

log = logging.getLogger(__name__)

FLUSH_S: Final = 0.5
MOST_NOTED: Final = 4096
"""Items at which whoever notes writes them out too: without a thread nothing else would."""

T = TypeVar("T")


class Batch(Generic[T]):
    """
    Items noted one by one, safe from any thread, and written together.

    Parameters
    ----------
    write : callable
        Takes the items noted since the last time, oldest first, at least one.
    """

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._noted: deque[T] = deque()
        self._flushing = threading.Lock()

    def note(self, item: T) -> None:
        """Keep ``item`` for the next flush."""
        self._noted.append(item)
        if len(self._noted) >= MOST_NOTED:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        with self._flushing:
            if items := [self._noted.popleft() for _ in range(len(self._noted))]:
                self._write(items)


class Flusher:
    """
    A thread that flushes batches until it is closed, and once more then.

    Parameters
    ----------
    batches : sequence of Batch
    """

    def __init__(self, batches: Sequence[Batch[Any]]) -> None:
        self._batches = batches
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to flush, in the process that answers."""
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Flush what is left and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._flush()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_S):
            self._flush()

    def _flush(self) -> None:
        for batch in self._batches:
            try:
                batch.flush()
            except Exception:  # the others, and the next time, must go on
                log.exception("a batch of metrics or log lines could not be written")
