"""The thresholds of a model's checks: found once per reference and size of window, and stored."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import Engine

from include.drift.calibration import HOURLY_CHECKS, MONTHLY_CHECKS, Calibration, calibrate
from include.drift.power import power
from include.drift.samples import samples_of
from include.drift.signals import MONTHLY_SIGNALS, UNTAGGED_SIGNALS
from include.jobs.drift.models import Live
from include.jobs.drift.reference_data import Reference, References
from include.store.drift import Kind
from include.store.drift_calibrations import find_calibration, save_calibration

log = logging.getLogger(__name__)

SIZE_SLACK: Final = 0.85
"""Thresholds made for at least this share of a window's questions fit it: a little strict."""
CHECKS_PER_YEAR: Final[dict[Kind, float]] = {
    "month": MONTHLY_CHECKS,
    "predictions": HOURLY_CHECKS,
}


class Thresholds:
    """
    Finds thresholds, or makes and stores them.

    Parameters
    ----------
    engine : Engine
    references : References
    false_alarms_per_year : float
        Over all signals of one kind of check together, > 0.
    seed : int
    """

    def __init__(
        self, engine: Engine, references: References, *, false_alarms_per_year: float, seed: int
    ) -> None:
        self._engine = engine
        self._references = references
        self._rate = false_alarms_per_year
        self._seed = seed

    def of(
        self, kind: Kind, live: Live, reference: Reference, size: int
    ) -> tuple[int, Calibration]:
        """
        Return the id and the thresholds for a window of ``size`` questions against ``reference``.

        They belong to a model's version, its reference, the false-alarm rate and the version of
        the code: a new champion, a longer reference or another rate gets its own.
        """
        with self._engine.connect() as connection:
            known = find_calibration(
                connection,
                kind,
                reference.key,
                smallest=int(SIZE_SLACK * size),
                largest=size,
                false_alarms_per_year=self._rate,
            )
        return known or self._make(kind, live, reference, size)

    def _make(
        self, kind: Kind, live: Live, reference: Reference, size: int
    ) -> tuple[int, Calibration]:
        history, vocabulary = self._references.history(live)
        was, past = samples_of(reference.answered, history)
        made = calibrate(
            was,
            size,
            false_alarms_per_year=self._rate,
            checks_per_year=CHECKS_PER_YEAR[kind],
            history=past,
            vocabulary=vocabulary,
            signals=MONTHLY_SIGNALS if kind == "month" else UNTAGGED_SIGNALS,
            seed=self._seed,
        )
        shown = power(was, made, seed=self._seed)
        log.info("version %s: thresholds of a %s of %d questions", live.label, kind, size)
        with self._engine.begin() as connection:
            return save_calibration(connection, kind, reference.key, made, shown), made
