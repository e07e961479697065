"""
One worker per machine polls the registry and the ledger of promotions, and downloads new models.

A model is served only if both name it, with the same SHA-256: the registry's alias and the ledger's
last row.

The other workers read the desired state that it writes, so that the registry is polled once per
machine. The ledger is read beside it (`serving.lookups`): while PostgreSQL does not answer, its
last known row still tells whether an alias was moved by a promotion.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec
from sqlalchemy import Engine

from include import names
from include.addresses import without_login
from include.registry import ModelVersion
from include.store.deadlines import Deadlines
from serving import metrics
from serving.lookups import Lookups
from serving.model_cache import DesiredModel, DesiredState, ModelCache
from serving.release import PromotionMismatchError, Release, check_promoted, read_release

log = logging.getLogger(__name__)

RELEASE_ATTEMPTS: Final = 3
"""Looks at the ledger before an alias that it does not name is reported."""

NEXT_LOOKUP_S: Final = 2.0


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
        Takes the `Deadlines` of a database.
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
        read_release: Callable[[Deadlines], Release] = read_release,
    ) -> None:
        self._model_cache = model_cache
        self._make_registry = registry
        self._registry: ModelRegistry | None = None
        self.lookups = Lookups(model_cache, connect=connect, site=site, read_release=read_release)
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._verified_folders: dict[str, str] = {}

    def start(self) -> None:
        """Start the thread; in a worker that does not lead, it only tries to acquire the lead."""
        self._thread = threading.Thread(target=self._run, name="leader", daemon=True)
        self._thread.start()
        self.lookups.start()

    def close(self) -> None:
        """Stop polling and release the lead."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self.lookups.close()
        self._model_cache.release_leadership()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._model_cache.acquire_leadership():
                    self.poll()
            except Exception:  # the thread must outlive any fault; the served models stay
                log.exception("polling the registry failed; will be tried again")
            self._stop.wait(self._poll_s)

    def poll(self) -> None:
        """Poll the registry once, and compare it with the ledger."""
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
        looked_up_at = self.lookups.looked_up_at or before.looked_up_at
        desired = msgspec.structs.replace(desired, looked_up_at=looked_up_at)
        self._model_cache.write(desired)
        self._model_cache.evict(desired)

    def _desired_state(self, before: DesiredState) -> DesiredState:
        test = self.lookups.release().ab_test
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
        release = self.lookups.release()
        for attempt in range(RELEASE_ATTEMPTS):
            try:
                check_promoted(alias, version, release.promotion_of(alias))
                break
            except PromotionMismatchError:
                if attempt == RELEASE_ATTEMPTS - 1:
                    raise
            # A promotion moves the alias a moment before its row can be seen.
            release = self.lookups.next_release(NEXT_LOOKUP_S)
            version = self._registry.alias(alias)
            if version is None:
                break
        return version

    def _cached(self, model: ModelVersion) -> DesiredModel:
        """Return the model in the cache; verified or downloaded when this leader first sees it."""
        assert self._registry is not None
        folder_name = self._verified_folders.get(model.sha256)
        if folder_name is None or not (self._model_cache.folder / folder_name).is_dir():
            folder = self._registry.download(model, self._model_cache.folder)
            log.info("version %s is cached", model.version)
            folder_name = self._verified_folders[model.sha256] = folder.name
        return DesiredModel(model.version, folder_name, model.sha256, model.created_at)
