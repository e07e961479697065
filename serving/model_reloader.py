"""
Reloads models in each worker: loads the desired models beside the live ones, then swaps.

The swap replaces one reference. On any failure the model in use stays, and the failure is counted
and shown.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import Final

from include import names
from include.candidates.base import EncoderFactory
from include.errors import ModelUnusableError
from serving import metrics
from serving.leader import Leader
from serving.model_cache import DesiredModel, ModelCache
from serving.served_models import LoadedModel, ModelStatus, ServedModels, load_model

log = logging.getLogger(__name__)

RELOAD_INTERVAL_S: Final = 0.25
FIRST_POLL_TIMEOUT_S: Final = 10.0
LOAD_RETRY_S: Final = 15.0
"""Seconds until a model that could not be loaded is tried again."""


class ModelReloader:
    """
    A model source that keeps the served models in step with the registry's aliases.

    Parameters
    ----------
    model_cache : ModelCache
    leader : Leader
        Runs beside the reloader; polls the registry in one worker of the machine.
    encoders : callable
        Makes an encoder by name, for candidates that embed.
    """

    def __init__(self, model_cache: ModelCache, leader: Leader, encoders: EncoderFactory) -> None:
        self._model_cache = model_cache
        self._leader = leader
        self._encoders = encoders
        self._loaded_models = ServedModels()
        self._served = ServedModels()
        self._applied_ns = -1
        self._tags_ns = (-1, -1)
        self._failures = 0
        self._problem: str | None = None
        self._retry_at: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> ServedModels:
        """The models served now."""
        return self._served

    def status(self) -> ModelStatus:
        """Return recent failures, of this worker and of the leading one."""
        desired = self._model_cache.read()
        return ModelStatus(
            failures=self._failures + desired.failures,
            problem=self._problem or desired.problem,
            checked_at=desired.checked_at,
            looked_up_at=desired.looked_up_at,
        )

    def start(self) -> None:
        """
        Load the cached models now, then reload in the background.

        On a machine with an empty cache this waits for the leader's first poll, so that no worker
        takes questions before it knows whether there is a model.
        """
        self._leader.start()
        deadline = time.monotonic() + FIRST_POLL_TIMEOUT_S
        while self._model_cache.modified_ns() == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.reload()
        self._thread = threading.Thread(target=self._run, name="model-reloader", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reloading; the served models stay."""
        self._stop.set()
        self._leader.close()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def reload(self) -> None:
        """Bring the served models and what is known of tags to the desired state, if it changed."""
        before = self._loaded_models
        self._load_desired()
        names, descriptions = self._model_cache.tag_names, self._model_cache.tag_descriptions
        tags_ns = (names.modified_ns(), descriptions.modified_ns())
        if self._loaded_models is before and tags_ns == self._tags_ns:
            return
        self._tags_ns = tags_ns
        renamed = self._loaded_models.renamed(names.read())
        self._served = replace(renamed, tag_descriptions=descriptions.read())

    def _load_desired(self) -> None:
        """Load the desired models, if they have changed."""
        modified_ns = self._model_cache.modified_ns()
        due = min(self._retry_at.values(), default=float("inf"))
        if modified_ns == self._applied_ns and time.monotonic() < due:
            return
        desired = self._model_cache.read()
        self._applied_ns = modified_ns
        before = self._loaded_models
        champion = self._loaded(desired.champion, before.champion)
        challenger = (
            self._loaded(desired.challenger, before.challenger) if desired.challenger else None
        )
        if champion is not before.champion and champion is not None:
            self._report_swap(champion)
        loaded = ServedModels(champion or before.champion, challenger, desired.ab_test)
        if loaded != before:
            self._loaded_models = loaded

    def _loaded(
        self, desired: DesiredModel | None, current: LoadedModel | None
    ) -> LoadedModel | None:
        """Return the desired model, or ``current`` if that one cannot be loaded."""
        if desired is None:
            return current
        if current is not None and (current.version, current.sha256) == (
            desired.version,
            desired.sha256,
        ):
            return current
        if time.monotonic() < self._retry_at.get(desired.folder, float("-inf")):
            return current
        try:
            model = load_model(
                self._model_cache.path(desired),
                version=desired.version,
                sha256=desired.sha256,
                created_at=desired.created_at,
                encoders=self._encoders,
            )
        except ModelUnusableError as error:
            log.warning("version %s stays out of service: %s", desired.version, error)
            metrics.MODEL_FAILURES.labels("load").inc()
            self._failures += 1
            self._problem = str(error)
            self._retry_at = {desired.folder: time.monotonic() + LOAD_RETRY_S}
            return current
        self._problem, self._retry_at = None, {}
        return model

    @staticmethod
    def _report_swap(model: LoadedModel) -> None:
        metrics.MODEL_SWAPS.inc()
        metrics.MODEL_CREATED.set(model.created_at.timestamp())
        if model.version.isdecimal():
            metrics.MODEL_VERSION.labels(names.CHAMPION).set(int(model.version))
        log.info("version %s (%s) is live", model.version, model.candidate.name)

    def _run(self) -> None:
        while not self._stop.wait(RELOAD_INTERVAL_S):
            try:
                self.reload()
            except Exception:  # the thread must outlive any fault; the served models stay
                log.exception("reloading the models failed; will be tried again")
