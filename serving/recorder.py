"""
Durable recording: a response is sent only when its rows are in the spool on disk.

The spool drains into PostgreSQL within about a second. What cannot be stored because of its own
content is set aside and counted; what PostgreSQL cannot store now waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from include.store.deadlines import Deadlines
from include.store.errors import description
from include.store.predictions import Feedback, Prediction, feedback_line, prediction_line
from serving import metrics
from serving.errors import CannotRecordError
from serving.row_store import FEEDBACK, PREDICTION, RowStore
from serving.set_aside import SetAside
from serving.spool import Segment, Spool

log = logging.getLogger(__name__)

DRAIN_INTERVAL_S: Final = 0.7
OUTAGE_RETRY_S: Final = 1.0
OUTAGE_SEAL_S: Final = 30.0
ADOPT_INTERVAL_S: Final = 5.0
TRANSACTION_TIMEOUT_S: Final = 20.0
"""Longest time for a segment: one of 8 MB takes a second on a busy machine."""

MAX_ATTEMPTS: Final = 5
"""Failures of a segment after which a row that breaks the connection is looked for in it."""


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
    timeout_s : float
        Seconds for a transaction, after which PostgreSQL counts as unavailable, > 0.
    """

    def __init__(
        self,
        spool: Spool,
        connect: Callable[[], Engine],
        *,
        timeout_s: float = TRANSACTION_TIMEOUT_S,
    ) -> None:
        self._spool = spool
        self._set_aside = SetAside(spool.folder)
        self._database = Deadlines(connect, timeout_s=timeout_s)
        self._store = RowStore(self._database)
        self._stop = threading.Event()
        self._drain_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_adopted = self._last_sealed = float("-inf")
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
        self._database.dispose()

    def drain(self) -> bool:
        """Move waiting rows to PostgreSQL; False if it is unavailable. Safe from any thread."""
        with self._drain_lock:
            self._adopt()
            self._seal()
            for _ in range(len(self._spool.sealed)):
                segment = self._spool.sealed[0]
                try:
                    self._drain_segment(segment)
                except (SQLAlchemyError, OSError) as error:
                    segment.attempts += 1
                    # The next attempt begins with another segment: none stops the others for ever.
                    self._spool.sealed.rotate(-1)
                    if isinstance(error, SQLAlchemyError):
                        self._note_outage(error)
                        return False
                    self._note_unreadable(segment, error)
                else:
                    self._spool.sealed.popleft().delete()
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
            except Exception as error:  # the thread must outlive any fault: rows are safe on disk
                log.error("draining failed, will be tried again: %s", description(error))
                metrics.DRAIN_FAILURES.inc()
                self._unavailable = True

    def _adopt(self) -> None:
        """Look for segments of dead workers now and then."""
        now = time.monotonic()
        if now - self._last_adopted >= ADOPT_INTERVAL_S:
            self._spool.adopt()
            self._last_adopted = now

    def _seal(self) -> None:
        """Seal the current segment; during an outage it grows for a while, to leave few files."""
        now = time.monotonic()
        waited = now - self._last_sealed >= OUTAGE_SEAL_S
        if not self._unavailable or not self._spool.sealed or waited:
            self._spool.seal()
            self._last_sealed = now

    def _drain_segment(self, segment: Segment) -> None:
        """Store a segment's rows; set aside what is damaged or refused."""
        lines, damaged = segment.contents()
        stored = self._store.store(lines, patient=segment.attempts < MAX_ATTEMPTS)
        if damaged:
            self._set_aside.add_damaged(damaged)
            metrics.DAMAGED.inc(len(damaged))
            log.error(
                "%d damaged stretches of %s are now in damaged.log", len(damaged), segment.path.name
            )
        if stored.refused:
            self._set_aside.add_refused([refused.line for refused in stored.refused])
            metrics.REJECTED.inc(len(stored.refused))
            log.error(
                "PostgreSQL refused %d rows, now in refused.log; mend the reason and run "
                "`tagkeeper predictions replay`: %s",
                len(stored.refused),
                stored.refused[0].reason,
            )
        metrics.DRAINED.inc(stored.rows)

    def _note_outage(self, error: SQLAlchemyError) -> None:
        """Log an outage once, and drop connections that may be broken."""
        metrics.DRAIN_FAILURES.inc()
        if not self._unavailable:
            log.warning("PostgreSQL cannot store, rows wait in the spool: %s", description(error))
        self._unavailable = True
        self._spool.drop_buffers()
        self._database.dispose()

    def _note_unreadable(self, segment: Segment, error: OSError) -> None:
        """Count and log, once, that a segment cannot be read or set aside; it stays."""
        metrics.DRAIN_FAILURES.inc()
        if segment.attempts == 1:
            log.error("%s cannot be drained, mend it: %s", segment.path.name, error)
