"""
One worker per machine polls the registry and the ledger of promotions, and downloads new models.

A model is served only if both name it, with the same SHA-256: the registry's alias and the ledger's
last row.

The other workers read the desired state that it writes, so that the registry is polled once per
machine.
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
from include.addresses import without_login
from include.registry import ModelVersion
from include.store.predictions import daily_indicators
from serving import metrics
from serving.indicators import DailyIndicators, write_indicators
from serving.model_cache import DesiredModel, DesiredState, ModelCache
from serving.release import PromotionMismatchError, Release, check_promoted, read_release

log = logging.getLogger(__name__)

INDICATORS_INTERVAL_S: Final = 60.0
INDICATOR_DAYS: Final = 30
PROMOTION_TIME_S: Final = 0.5
"""Seconds that a promotion takes at most from the alias to the commit of its row."""


class ModelRegistry(Protocol):
    """The part of `include.registry.Registry` that the service needs."""

    def alias(self, alias: str) -> ModelVersion | None:
        """Return the version that ``alias`` points to."""

    def download(self, version: ModelVersion, into: Path) -> Path:
        """Return the version's folder below ``into``, downloaded if need be, and verified."""


class Leader:
    """
    Keeps the model cache and the desired state up to date, in a thread, while this worker leads.

    Parameters
    ----------
    model_cache : ModelCache
    registry : callable returning ModelRegistry
        Called in the leading worker only.
    connect : callable returning Engine
    read_release : callable, default=serving.release.read_release
        Takes ``connect`` (of one shared engine).
    site : str
        Site whose indicators are computed.
    poll_s : float
        Seconds between polls, > 0.
    """

    def __init__(
        self,
        model_cache: ModelCache,
        *,
        registry: Callable[[], ModelRegistry],
        connect: Callable[[], Engine],
        site: str,
        poll_s: float,
        read_release: Callable[[Callable[[], Engine]], Release] = read_release,
    ) -> None:
        self._model_cache = model_cache
        self._make_registry = registry
        self._registry: ModelRegistry | None = None
        self._connect = connect
        self._engine: Engine | None = None
        self._site = site
        self._read_release = read_release
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._indicators_computed_at = float("-inf")
        self._verified_folders: dict[str, str] = {}

    def start(self) -> None:
        """Start the thread; in a worker that does not lead, it only tries to acquire the lead."""
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop polling and release the lead."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._model_cache.release_leadership()
        if self._engine is not None:
            self._engine.dispose()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._model_cache.acquire_leadership():
                    self.poll()
            except Exception:  # the thread must outlive any fault; the served models stay
                log.exception("polling the registry failed; will be tried again")
            self._stop.wait(self._poll_s)

    def poll(self) -> None:
        """Poll registry and ledger once and, each minute, compute the indicators."""
        before = self._model_cache.read()
        try:
            desired = self._desired_state(before)
        except Exception as error:  # registry unavailable, artifact damaged, disk full
            mismatch = isinstance(error, PromotionMismatchError)
            metrics.MODEL_FAILURES.labels("ledger" if mismatch else "fetch").inc()
            if before.problem is None:
                log.warning("the served models stay, the registry's are not fetched: %s", error)
            desired = msgspec.structs.replace(
                before, problem=without_login(str(error)), failures=before.failures + 1
            )
        self._model_cache.write(desired)
        self._model_cache.evict(desired)
        if time.monotonic() - self._indicators_computed_at >= INDICATORS_INTERVAL_S:
            self._indicators_computed_at = time.monotonic()
            self._write_indicators()

    def _desired_state(self, before: DesiredState) -> DesiredState:
        release = self._release()
        test = release.ab_test
        champion = self._promoted(names.CHAMPION)
        challenger = self._promoted(names.CHALLENGER) if test is not None else None
        in_test = (
            test is not None
            and challenger is not None
            and challenger.version == test.challenger_version
        )
        return DesiredState(
            champion=self._cached(champion) if champion is not None else before.champion,
            challenger=self._cached(challenger) if challenger is not None and in_test else None,
            ab_test=test,
            checked_at=datetime.now(UTC),
            problem=None if champion is not None else f"no version has alias {names.CHAMPION!r}",
            failures=before.failures,
        )

    def _promoted(self, alias: str) -> ModelVersion | None:
        """Return the version with ``alias``; PromotionMismatchError if it was not promoted."""
        if self._registry is None:
            self._registry = self._make_registry()
        version = self._registry.alias(alias)
        if version is None:
            return None
        try:
            check_promoted(alias, version, self._release().promotion_of(alias))
        except PromotionMismatchError:
            # A promotion moves the alias a moment before its row can be seen.
            self._stop.wait(PROMOTION_TIME_S)
            version = self._registry.alias(alias)
            if version is not None:
                check_promoted(alias, version, self._release().promotion_of(alias))
        return version

    def _release(self) -> Release:
        return self._read_release(self._get_engine)

    def _cached(self, model: ModelVersion) -> DesiredModel:
        """Return the model in the cache; verified or downloaded when this leader first sees it."""
        assert self._registry is not None
        folder_name = self._verified_folders.get(model.sha256)
        if folder_name is None or not (self._model_cache.folder / folder_name).is_dir():
            folder = self._registry.download(model, self._model_cache.folder)
            log.info("version %s is cached", model.version)
            folder_name = self._verified_folders[model.sha256] = folder.name
        return DesiredModel(model.version, folder_name, model.sha256, model.created_at)

    def _write_indicators(self) -> None:
        start = datetime.now(UTC) - timedelta(days=INDICATOR_DAYS)
        try:
            with self._get_engine().connect() as connection:
                days = daily_indicators(connection, self._site, start)
        except (SQLAlchemyError, OSError) as error:
            log.debug("indicators cannot be computed: %s", error)
            return
        write_indicators(
            self._model_cache.indicators_path, [DailyIndicators(**day) for day in days]
        )

    def _get_engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._connect()
        return self._engine
