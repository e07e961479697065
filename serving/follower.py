"""
Each worker follows the shelf: loads what should be live beside what is, then swaps one reference.

Whatever fails, the model in use stays, and the failure is counted and shown.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from include import names
from include.candidates.base import EncoderFactory
from include.errors import ModelUnusableError
from serving import metrics
from serving.leader import Leader
from serving.live_model import Live, LoadedModel, ModelStatus, load_model
from serving.shelf import Shelf, WantedModel

log = logging.getLogger(__name__)

TICK_S: Final = 0.25
FIRST_LOOK_S: Final = 10.0
RETRY_S: Final = 15.0
"""A model that could not be loaded is tried again after this long."""


class RegistryFollower:
    """
    The live models, as the registry's aliases say.

    Parameters
    ----------
    shelf : Shelf
    leader : Leader
        Runs beside this follower and does its work in one worker of the machine.
    encoders : callable
        Makes an encoder by name, for candidates that embed.
    """

    def __init__(self, shelf: Shelf, leader: Leader, encoders: EncoderFactory) -> None:
        self._shelf = shelf
        self._leader = leader
        self._encoders = encoders
        self._live = Live()
        self._seen_ns = -1
        self._failures = 0
        self._problem: str | None = None
        self._retry_at: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> Live:
        """The models that answer now."""
        return self._live

    def status(self) -> ModelStatus:
        """Return what went wrong lately, here and in the leading worker."""
        wanted = self._shelf.read()
        return ModelStatus(
            failures=self._failures + wanted.failures,
            problem=self._problem or wanted.problem,
            checked_at=wanted.checked_at,
        )

    def start(self) -> None:
        """
        Load what is on the shelf now, then follow in the background.

        On a machine that never had a model this waits for the leader's first look, so that no
        worker takes questions before it knows whether there is a model.
        """
        self._leader.start()
        deadline = time.monotonic() + FIRST_LOOK_S
        while self._shelf.changed_at_ns() == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.look()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following; what is live stays live."""
        self._stop.set()
        self._leader.close()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def look(self) -> None:
        """Bring what is live in step with the shelf, if the shelf has changed."""
        seen_ns = self._shelf.changed_at_ns()
        due = min(self._retry_at.values(), default=float("inf"))
        if seen_ns == self._seen_ns and time.monotonic() < due:
            return
        wanted = self._shelf.read()
        self._seen_ns = seen_ns
        before = self._live
        champion = self._loaded(wanted.champion, before.champion)
        challenger = (
            self._loaded(wanted.challenger, before.challenger) if wanted.challenger else None
        )
        if champion is not before.champion and champion is not None:
            self._announce(champion)
        self._live = Live(champion or before.champion, challenger, wanted.ab_test)

    def _loaded(self, wanted: WantedModel | None, have: LoadedModel | None) -> LoadedModel | None:
        """Return the wanted model, or the one in use where the wanted one cannot be loaded."""
        if wanted is None:
            return have
        if have is not None and (have.version, have.sha256) == (wanted.version, wanted.sha256):
            return have
        if time.monotonic() < self._retry_at.get(wanted.folder, float("-inf")):
            return have
        try:
            model = load_model(
                self._shelf.path(wanted),
                version=wanted.version,
                sha256=wanted.sha256,
                created_at=wanted.created_at,
                encoders=self._encoders,
            )
        except ModelUnusableError as error:
            log.warning("version %s stays out of service: %s", wanted.version, error)
            metrics.MODEL_FAILURES.labels("load").inc()
            self._failures += 1
            self._problem = str(error)
            self._retry_at = {wanted.folder: time.monotonic() + RETRY_S}
            return have
        self._problem, self._retry_at = None, {}
        return model

    @staticmethod
    def _announce(model: LoadedModel) -> None:
        metrics.MODEL_SWAPS.inc()
        metrics.MODEL_CREATED.set(model.created_at.timestamp())
        if model.version.isdecimal():
            metrics.MODEL_VERSION.labels(names.CHAMPION).set(int(model.version))
        log.info("version %s (%s) is live", model.version, model.candidate.name)

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                self.look()
            except Exception:  # the thread must outlive any fault; what is live stays
                log.exception("following the shelf failed; will be tried again")
