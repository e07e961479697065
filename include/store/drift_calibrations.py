"""Calibrated thresholds of drift checks in PostgreSQL, with the key of their reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from include.drift.calibration import CALIBRATION_VERSION, NullDistribution, ThresholdCalibration
from include.store.drift import CheckKind
from include.store.drift_references import ReferenceKey
from include.store.queries import query


def save_calibration(
    connection: Connection,
    kind: CheckKind,
    key: ReferenceKey,
    calibration: ThresholdCalibration,
    power: Any,
) -> int:
    """Add thresholds and their statistical power; return their id."""
    binds = {
        "kind": kind,
        "site": key.site,
        "model_version": key.model_version,
        "reference_first": key.first_month,
        "reference_last": key.last_month,
        "question_count": calibration.size,
        "code_version": calibration.version,
        "false_alarms_per_year": calibration.false_alarms_per_year,
        "thresholds": json.dumps(calibration.thresholds),
        "details": json.dumps({"calibration": asdict(calibration), "power": power}),
    }
    return int(connection.execute(query("save_drift_calibration"), binds).scalar_one())


def find_calibration(
    connection: Connection,
    kind: CheckKind,
    key: ReferenceKey,
    *,
    smallest: int,
    largest: int,
    false_alarms_per_year: float,
) -> tuple[int, ThresholdCalibration] | None:
    """
    Return (id, thresholds) for an analysis period of ``smallest`` to ``largest`` questions, if any.

    Only those of this reference, false-alarm rate and `CALIBRATION_VERSION`.
    """
    binds = {
        "kind": kind,
        "site": key.site,
        "model_version": key.model_version,
        "reference_first": key.first_month,
        "reference_last": key.last_month,
        "code_version": CALIBRATION_VERSION,
        "false_alarms_per_year": false_alarms_per_year,
        "smallest": smallest,
        "largest": largest,
    }
    row = connection.execute(query("drift_calibration_for"), binds).mappings().one_or_none()
    return None if row is None else (row["calibration_id"], _calibration(row["details"]))


def read_power(connection: Connection, calibration_id: int) -> list[dict[str, Any]]:
    """
    Return the statistical power of stored thresholds, from `include.drift.power.power`.

    Rows of ``shift``, ``size`` (share of the questions affected) and ``detected``, both in [0, 1].
    """
    binds = {"calibration_id": calibration_id}
    details = connection.execute(query("drift_calibration"), binds).scalar_one()
    return list(details["power"])


def _calibration(details: Mapping[str, Any]) -> ThresholdCalibration:
    stored = dict(details["calibration"])
    null_distributions = {
        name: NullDistribution(**null) for name, null in stored.pop("null_distributions").items()
    }
    return ThresholdCalibration(null_distributions=null_distributions, **stored)
