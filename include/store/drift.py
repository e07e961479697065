"""Drift reports and what followed from them, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from include.drift.signal import Mover, SignalValue
from include.errors import FixInputError
from include.months import month_of
from include.store.queries import query

Kind = Literal["month", "predictions"]
Action = Literal["retrain", "keep", "no_reference"]


@dataclass(frozen=True, slots=True)
class Report:
    """
    What a check saw, as stored.

    Parameters
    ----------
    kind : {"month", "predictions"}
    site : str
    window_start, window_end : datetime
        Half-open, aware.
    model_version : str
        Whose suggestions were checked; ``none`` where there is no model yet.
    question_count : int
    verdict : str
        As `include.drift.verdict.Verdict.kind`.
    summary : mapping
        Plain JSON values; ``reason`` is the verdict's sentence.
    reference_first, reference_last : str or None
        Months that the window was compared with.
    calibration_id : int or None
    """

    kind: Kind
    site: str
    window_start: datetime
    window_end: datetime
    model_version: str
    question_count: int
    verdict: str
    summary: Mapping[str, Any]
    reference_first: str | None = None
    reference_last: str | None = None
    calibration_id: int | None = None

    @property
    def window_name(self) -> str:
        """The window as people say it: a month, or a span of hours."""
        if self.kind == "month":
            return month_of(self.window_start)
        return f"{self.window_start:%Y-%m-%d %H:%M} to {self.window_end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal of a stored report; ``threshold`` is None where it was not calibrated."""

    value: SignalValue
    threshold: float | None
    alarmed: bool


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report with its id, its signals (alarms first), and what was decided, if anything."""

    report_id: int
    report: Report
    signals: tuple[StoredSignal, ...]
    artifact_uri: str | None
    action: Action | None
    training_run_id: str | None


@dataclass(frozen=True, slots=True)
class JudgedMonth:
    """The verdict on a month, and the last month its reference held."""

    month: str
    model_version: str
    verdict: str
    reference_last: str


def save_report(
    connection: Connection,
    report: Report,
    values: Sequence[SignalValue] = (),
    thresholds: Mapping[str, float] | None = None,
) -> int:
    """
    Store a report and its signals; return its id.

    A window that was checked before keeps its id, so that what hangs on the id (the training that
    it triggered) is not done again.
    """
    limits = thresholds or {}
    row = {**asdict(report), "summary": json.dumps(report.summary)}
    report_id = int(connection.execute(query("save_drift_report"), row).scalar_one())
    connection.execute(query("clear_drift_signals"), {"report_id": report_id})
    signals = [
        {
            "signal": value.signal,
            "value": value.value,
            "threshold": limits.get(value.signal),
            "alarmed": value.value > limits.get(value.signal, float("inf")),
            "test": value.test,
            "low": value.interval[0] if value.interval else None,
            "high": value.interval[1] if value.interval else None,
            "movers": [asdict(mover) for mover in value.movers],
        }
        for value in values
    ]
    binds = {"report_id": report_id, "signals": json.dumps(signals)}
    connection.execute(query("save_drift_signals"), binds)
    return report_id


def read_report(connection: Connection, report_id: int) -> StoredReport:
    """
    Return a stored report.

    Raises
    ------
    FixInputError
        If there is none with this id.
    """
    binds = {"report_id": report_id}
    row = connection.execute(query("drift_report"), binds).mappings().one_or_none()
    if row is None:
        raise FixInputError(f"there is no drift report {report_id}")
    signals = connection.execute(query("drift_signals_of"), binds).mappings()
    columns = Report.__dataclass_fields__
    return StoredReport(
        report_id=report_id,
        report=Report(**{name: row[name] for name in columns}),
        signals=tuple(_stored_signal(signal) for signal in signals),
        artifact_uri=row["artifact_uri"],
        action=row["action"],
        training_run_id=row["training_run_id"],
    )


def _stored_signal(row: Mapping[Any, Any]) -> StoredSignal:
    value = SignalValue(
        signal=row["signal"],
        value=row["value"],
        test=row["test"],
        movers=tuple(Mover(**mover) for mover in row["movers"]),
        interval=None if row["low"] is None else (row["low"], row["high"]),
    )
    return StoredSignal(value, row["threshold"], row["alarmed"])


def set_artifact(connection: Connection, report_id: int, artifact_uri: str) -> None:
    """Say where a report's pages are."""
    binds = {"report_id": report_id, "artifact_uri": artifact_uri}
    connection.execute(query("set_drift_artifact"), binds)


def save_decision(
    connection: Connection,
    report_id: int,
    action: Action,
    reason: str,
    training_run_id: str | None = None,
) -> None:
    """Write down what followed from a report; once decided, a retraining stays decided."""
    binds = {
        "report_id": report_id,
        "action": action,
        "reason": reason,
        "training_run_id": training_run_id,
    }
    connection.execute(query("save_decision"), binds)


def judged_months(connection: Connection, site: str) -> list[JudgedMonth]:
    """Return the months that were found quiet or drifting, oldest first, by every model."""
    rows = connection.execute(query("judged_months"), {"site": site}).mappings()
    return [
        JudgedMonth(
            month_of(row["window_start"]),
            row["model_version"],
            row["verdict"],
            row["reference_last"],
        )
        for row in rows
    ]
