"""
One worker per machine watches the registry and the A/B tests, and fetches what becomes live.

The others read what it leaves on the shelf, so that the registry is asked once per machine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from include import names
from include.registry import ModelVersion
from include.store.ab_tests import open_ab_test
from include.store.predictions import daily_indicators
from serving import metrics
from serving.indicators import DayIndicators, write_indicators
from serving.live_model import AbTest
from serving.shelf import Shelf, Wanted, WantedModel

log = logging.getLogger(__name__)

INDICATORS_S: Final = 60.0
INDICATOR_DAYS: Final = 30


class ModelRegistry(Protocol):
    """As much of `include.registry.Registry` as the service needs."""

    def alias(self, alias: str) -> ModelVersion | None:
        """Return the version that bears ``alias``."""

    def download(self, version: ModelVersion, into: Path) -> Path:
        """Return the version's folder below ``into``, fetched if need be, and verified."""


class Leader:
    """
    Keeps the shelf in step with the registry, in a thread, while this worker leads.

    Parameters
    ----------
    shelf : Shelf
    registry : callable returning ModelRegistry
        Called in the leading worker only.
    connect : callable returning Engine
    site : str
        Whose answers the indicators are about.
    poll_s : float
        Seconds between looks, > 0.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        registry: Callable[[], ModelRegistry],
        connect: Callable[[], Engine],
        site: str,
        poll_s: float,
    ) -> None:
        self._shelf = shelf
        self._make_registry = registry
        self._registry: ModelRegistry | None = None
        self._connect = connect
        self._engine: Engine | None = None
        self._site = site
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._indicators_at = float("-inf")
        self._fetched_as: dict[str, str] = {}

    def start(self) -> None:
        """Begin to look; in a worker that does not lead, only to see whether it should."""
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking and let another worker lead."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._shelf.resign()
        if self._engine is not None:
            self._engine.dispose()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._shelf.lead():
                    self.look()
            except Exception:  # the thread must outlive any fault; the live model stays
                log.exception("looking at the registry failed; will be tried again")
            self._stop.wait(self._poll_s)

    def look(self) -> None:
        """Look once at the registry, the A/B tests and, each minute, the indicators."""
        before = self._shelf.read()
        ab_test = self._ab_test(before.ab_test)
        try:
            wanted = self._wanted(before, ab_test)
        except Exception as error:  # registry away, artifact damaged, disk full: keep what is live
            metrics.MODEL_FAILURES.labels("fetch").inc()
            if before.problem is None:
                log.warning("the live model stays, the registry's cannot be had: %s", error)
            wanted = msgspec.structs.replace(
                before, ab_test=ab_test, problem=str(error), failures=before.failures + 1
            )
        self._shelf.write(wanted)
        self._shelf.tidy(wanted)
        if time.monotonic() - self._indicators_at >= INDICATORS_S:
            self._indicators_at = time.monotonic()
            self._write_indicators()

    def _wanted(self, before: Wanted, ab_test: AbTest | None) -> Wanted:
        if self._registry is None:
            self._registry = self._make_registry()
        champion = self._registry.alias(names.CHAMPION)
        challenger = self._registry.alias(names.CHALLENGER) if ab_test is not None else None
        on_trial = (
            ab_test is not None
            and challenger is not None
            and challenger.version == ab_test.challenger_version
        )
        return Wanted(
            champion=self._fetched(champion) if champion is not None else before.champion,
            challenger=self._fetched(challenger) if challenger is not None and on_trial else None,
            ab_test=ab_test,
            checked_at=datetime.now(UTC),
            problem=None if champion is not None else f"no version bears {names.CHAMPION!r}",
            failures=before.failures,
        )

    def _fetched(self, model: ModelVersion) -> WantedModel:
        """Return the model on the shelf; this leader's first look at it verifies or fetches it."""
        assert self._registry is not None
        known = self._fetched_as.get(model.sha256)
        if known is None or not (self._shelf.folder / known).is_dir():
            folder = self._registry.download(model, self._shelf.folder)
            log.info("version %s is on this machine", model.version)
            known = self._fetched_as[model.sha256] = folder.name
        return WantedModel(model.version, known, model.sha256, model.created_at)

    def _ab_test(self, before: AbTest | None) -> AbTest | None:
        """Return the open A/B test; while PostgreSQL is away, the one that was open before."""
        try:
            with self._engine_now().connect() as connection:
                row = open_ab_test(connection)
        except (SQLAlchemyError, OSError) as error:
            log.debug("A/B tests cannot be read: %s", error)
            return before
        if row is None:
            return None
        return AbTest(
            row.ab_test_id, row.champion_version, row.challenger_version, row.share, row.shadow
        )

    def _write_indicators(self) -> None:
        start = datetime.now(UTC) - timedelta(days=INDICATOR_DAYS)
        try:
            with self._engine_now().connect() as connection:
                days = daily_indicators(connection, self._site, start)
        except (SQLAlchemyError, OSError) as error:
            log.debug("indicators cannot be computed: %s", error)
            return
        write_indicators(self._shelf.indicators_path, [DayIndicators(**day) for day in days])

    def _engine_now(self) -> Engine:
        if self._engine is None:
            self._engine = self._connect()
        return self._engine
