"""
Durable recording: a response is sent only when its rows are in the spool on disk.

The spool drains into PostgreSQL, in order, within about a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from include.store.predictions import (
    Feedback,
    Prediction,
    copy_feedback,
    copy_new_predictions,
    copy_predictions,
    feedback_line,
    prediction_line,
)
from serving import metrics
from serving.errors import CannotRecordError
from serving.spool import SEGMENT_BYTES, Segment, Spool

log = logging.getLogger(__name__)

Copy = Callable[[Connection, Sequence[bytes]], int]

PREDICTION: Final = "p"
FEEDBACK: Final = "f"
DRAIN_INTERVAL_S: Final = 0.7
OUTAGE_RETRY_S: Final = 1.0
ADOPT_INTERVAL_S: Final = 5.0


class Recorder(Protocol):
    """Records answers and feedback; every method returns only when the rows are durable."""

    def record(self, rows: Sequence[Prediction]) -> None:
        """Record ``rows``, all or none; CannotRecordError if they could not be made durable."""

    def record_feedback(self, row: Feedback) -> None:
        """Record ``row``; CannotRecordError if it could not be made durable."""

    def start(self) -> None:
        """Start background work; call it in the worker process, after the fork."""

    def close(self) -> None:
        """Stop background work; rows that are not in PostgreSQL yet stay on disk."""


class SpoolRecorder:
    """
    Records to a spool, which a background thread drains into PostgreSQL.

    Parameters
    ----------
    spool : Spool
    connect : callable returning Engine
        Called once, in the worker process: connections do not survive a fork.
    """

    def __init__(self, spool: Spool, connect: Callable[[], Engine]) -> None:
        self._spool = spool
        self._connect = connect
        self._engine: Engine | None = None
        self._stop = threading.Event()
        self._drain_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_adopted = float("-inf")
        self._unavailable = False

    def record(self, rows: Sequence[Prediction]) -> None:
        """Append ``rows`` to the spool; see `Recorder`."""
        self._append(PREDICTION, [prediction_line(row) for row in rows])

    def record_feedback(self, row: Feedback) -> None:
        """Append ``row`` to the spool; see `Recorder`."""
        self._append(FEEDBACK, [feedback_line(row)])

    def start(self) -> None:
        """Start draining, including segments of dead workers."""
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Drain a last time unless PostgreSQL is unavailable, then release the files."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=15.0)
        if not self._unavailable:
            self.drain()
        self._spool.close()
        if self._engine is not None:
            self._engine.dispose()

    def drain(self) -> bool:
        """Move waiting rows to PostgreSQL; False if it is unavailable. Safe from any thread."""
        with self._drain_lock:
            now = time.monotonic()
            if now - self._last_adopted >= ADOPT_INTERVAL_S:
                self._spool.adopt()
                self._last_adopted = now
            # While sealed segments wait, the current one grows: an outage leaves few files.
            if not self._spool.sealed or self._spool.current_bytes >= SEGMENT_BYTES:
                self._spool.seal()
            try:
                while self._spool.sealed:
                    self._store(self._spool.sealed[0])
                    self._spool.sealed.popleft().delete()
            except (SQLAlchemyError, OSError) as error:
                self._note_outage(error)
                return False
            self._unavailable = False
            return True

    def _append(self, kind: str, lines: Sequence[bytes]) -> None:
        try:
            self._spool.append(kind, lines)
        except OSError as error:
            metrics.RECORD_FAILURES.inc()
            raise CannotRecordError(str(error)) from error
        metrics.RECORDED.add(len(lines))

    def _run(self) -> None:
        while not self._stop.wait(OUTAGE_RETRY_S if self._unavailable else DRAIN_INTERVAL_S):
            try:
                self.drain()
            except Exception:  # the thread must outlive any fault: rows are safe on disk
                log.exception("draining failed; will be tried again")
                metrics.DRAIN_FAILURES.inc()
                self._unavailable = True

    def _store(self, segment: Segment) -> None:
        """Store a whole segment in one transaction, or line by line if PostgreSQL rejects one."""
        lines = segment.lines()
        for copy in (copy_new_predictions, copy_predictions):
            try:
                stored = self._store_lines(lines, copy)
                break
            except (DataError, IntegrityError):
                pass  # the next statement may store them
        else:
            stored = sum(self._store_one(segment, *line) for line in lines)
        metrics.DRAINED.inc(stored)

    def _store_lines(self, lines: Sequence[tuple[str, bytes]], copy: Copy) -> int:
        if self._engine is None:
            self._engine = self._connect()
        predictions = [line for kind, line in lines if kind == PREDICTION]
        feedback = [line for kind, line in lines if kind == FEEDBACK]
        stored = 0
        with self._engine.begin() as connection:
            if predictions:
                stored += copy(connection, predictions)
            if feedback:
                stored += copy_feedback(connection, feedback)
        return stored

    def _store_one(self, segment: Segment, kind: str, line: bytes) -> int:
        """Store one line; a rejected one goes to ``rejected.log``, so that it blocks no other."""
        try:
            return self._store_lines([(kind, line)], copy_predictions)
        except (DataError, IntegrityError) as error:
            log.error("PostgreSQL rejected a row, which is now in rejected.log: %s", error.orig)
            metrics.REJECTED.inc()
            with (segment.path.parent / "rejected.log").open("ab") as file:
                file.write(kind.encode("ascii") + b" " + line + b"\n")
            return 0

    def _note_outage(self, error: Exception) -> None:
        """Log an outage once, and drop connections that may be broken."""
        metrics.DRAIN_FAILURES.inc()
        if not self._unavailable:
            log.warning("PostgreSQL is unavailable, predictions wait in the spool: %s", error)
        self._unavailable = True
        self._spool.drop_buffers()
        if self._engine is not None:
            self._engine.dispose()
