"""Thresholds of a model's checks: calibrated once per reference and window size, and stored."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import Engine

from include.drift.calibration import (
    HOURLY_CHECKS,
    MONTHLY_CHECKS,
    ThresholdCalibration,
    calibrate_thresholds,
)
from include.drift.power import power
from include.drift.samples import build_samples
from include.drift.signal_catalogue import LABEL_FREE_SIGNALS, MONTHLY_ALERTING_SIGNALS
from include.jobs.drift.models import MonitoredModel
from include.jobs.drift.reference_data import Reference, References
from include.store.drift import CheckKind
from include.store.drift_calibrations import find_calibration, save_calibration

log = logging.getLogger(__name__)

SIZE_SLACK: Final = 0.85
"""Thresholds for at least this share of a window's questions are reused: slightly conservative."""
CHECKS_PER_YEAR: Final[dict[CheckKind, float]] = {
    "month": MONTHLY_CHECKS,
    "predictions": HOURLY_CHECKS,
}


class Thresholds:
    """
    Reads stored thresholds, or calibrates and stores them.

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
        self, kind: CheckKind, model: MonitoredModel, reference: Reference, size: int
    ) -> tuple[int, ThresholdCalibration]:
        """
        Return the id and the thresholds for a window of ``size`` questions against ``reference``.

        Thresholds are specific to a model version, its reference, the false-alarm rate and the
        version of the code.
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
        return known or self._calibrate(kind, model, reference, size)

    def _calibrate(
        self, kind: CheckKind, model: MonitoredModel, reference: Reference, size: int
    ) -> tuple[int, ThresholdCalibration]:
        history, vocabulary = self._references.history(model)
        reference_sample, history_sample = build_samples(reference.observations, history)
        calibration = calibrate_thresholds(
            reference_sample,
            size,
            false_alarms_per_year=self._rate,
            checks_per_year=CHECKS_PER_YEAR[kind],
            history=history_sample,
            vocabulary=vocabulary,
            signals=MONTHLY_ALERTING_SIGNALS if kind == "month" else LABEL_FREE_SIGNALS,
            seed=self._seed,
        )
        detected = power(reference_sample, calibration, seed=self._seed)
        log.info("version %s: thresholds of a %s of %d questions", model.label, kind, size)
        with self._engine.begin() as connection:
            return save_calibration(
                connection, kind, reference.key, calibration, detected
            ), calibration
