"""
The durable record: an answer leaves only when its row is in the spool on disk.

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
DRAIN_S: Final = 0.7
AWAY_S: Final = 1.0
ADOPT_S: Final = 5.0


class Recorder(Protocol):
    """Keeps what was answered; returns only when it cannot be lost any more."""

    def record(self, rows: Sequence[Prediction]) -> None:
        """Keep ``rows``, all or none; CannotRecordError if they could not be made durable."""

    def record_feedback(self, row: Feedback) -> None:
        """Keep ``row``; CannotRecordError if it could not be made durable."""

    def start(self) -> None:
        """Begin the work in the background, in the process that answers."""

    def close(self) -> None:
        """Stop the work in the background; what is not in PostgreSQL yet stays on disk."""


class SpoolRecorder:
    """
    Records to a spool and drains it into PostgreSQL in a thread of its own.

    Parameters
    ----------
    spool : Spool
    connect : callable returning Engine
        Called once, in the worker itself: connections do not survive a fork.
    """

    def __init__(self, spool: Spool, connect: Callable[[], Engine]) -> None:
        self._spool = spool
        self._connect = connect
        self._engine: Engine | None = None
        self._stop = threading.Event()
        self._drain_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._adopted_at = float("-inf")
        self._away = False

    def record(self, rows: Sequence[Prediction]) -> None:
        """Append ``rows`` to the spool; see `Recorder`."""
        self._append(PREDICTION, [prediction_line(row) for row in rows])

    def record_feedback(self, row: Feedback) -> None:
        """Append ``row`` to the spool; see `Recorder`."""
        self._append(FEEDBACK, [feedback_line(row)])

    def start(self) -> None:
        """Start draining; also what dead workers left behind."""
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Drain once more if PostgreSQL answers, then let go of the files."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=15.0)
        if not self._away:
            self.drain()
        self._spool.close()
        if self._engine is not None:
            self._engine.dispose()

    def drain(self) -> bool:
        """Move what waits to PostgreSQL; False if it is away. Safe from any thread."""
        with self._drain_lock:
            now = time.monotonic()
            if now - self._adopted_at >= ADOPT_S:
                self._spool.adopt()
                self._adopted_at = now
            # While segments wait, the current one grows instead: an outage makes few files.
            if not self._spool.sealed or self._spool.current_bytes >= SEGMENT_BYTES:
                self._spool.seal()
            try:
                while self._spool.sealed:
                    self._store(self._spool.sealed[0])
                    self._spool.sealed.popleft().delete()
            except (SQLAlchemyError, OSError) as error:
                self._note_away(error)
                return False
            self._away = False
            return True

    def _append(self, kind: str, lines: Sequence[bytes]) -> None:
        try:
            self._spool.append(kind, lines)
        except OSError as error:
            metrics.RECORD_FAILURES.inc()
            raise CannotRecordError(str(error)) from error
        metrics.RECORDED.note(len(lines))

    def _run(self) -> None:
        while not self._stop.wait(AWAY_S if self._away else DRAIN_S):
            try:
                self.drain()
            except Exception:  # the thread must outlive any fault: rows are safe on disk
                log.exception("draining failed; will be tried again")
                metrics.DRAIN_FAILURES.inc()
                self._away = True

    def _store(self, segment: Segment) -> None:
        """Store a whole segment in one transaction, or line by line if PostgreSQL refuses one."""
        lines = segment.lines()
        for copy in (copy_new_predictions, copy_predictions):
            try:
                stored = self._store_lines(lines, copy)
                break
            except (DataError, IntegrityError):
                pass  # the next way may store them
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
        """Store one line; one that PostgreSQL refuses is put aside, so that it blocks nobody."""
        try:
            return self._store_lines([(kind, line)], copy_predictions)
        except (DataError, IntegrityError) as error:
            log.error("a row was refused and put into rejected.log: %s", error.orig)
            metrics.REJECTED.inc()
            with (segment.path.parent / "rejected.log").open("ab") as file:
                file.write(kind.encode("ascii") + b" " + line + b"\n")
            return 0

    def _note_away(self, error: Exception) -> None:
        """Say once per outage that rows wait on disk, and drop connections that may be broken."""
        metrics.DRAIN_FAILURES.inc()
        if not self._away:
            log.warning("PostgreSQL is away, predictions wait in the spool: %s", error)
        self._away = True
        self._spool.forget()
        if self._engine is not None:
            self._engine.dispose()
