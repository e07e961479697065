"""Drift reports and the decisions on them, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection

from include.drift.signal_types import Contributor, SignalValue
from include.errors import FixInputError
from include.months import month_of
from include.store.predictions import TOP_TAGS
from include.store.queries import query

CheckKind = Literal["month", "predictions"]
Action = Literal["retrain", "keep", "no_reference"]
WINDOW_QUESTIONS: Final = "window_questions"
"""Key of a report's summary: questions of the window, of which samples are compared."""
REFERENCE_WINDOW_QUESTIONS: Final = "reference_window_questions"
"""Key of a report's summary: the same of the reference period."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """
    The result of a drift check, as stored.

    Parameters
    ----------
    kind : {"month", "predictions"}
    site : str
    window_start, window_end : datetime
        Half-open, aware.
    model_version : str
        Of the monitored model; ``none`` where there is no model yet.
    question_count : int
        Questions that were compared.
    verdict : str
        As `include.drift.verdict.DriftVerdict.kind`.
    summary : mapping
        Plain JSON values; ``reason`` is the verdict's sentence. `WINDOW_QUESTIONS` and
        `REFERENCE_WINDOW_QUESTIONS` say of how many questions samples were compared; reports of
        earlier releases lack them.
    reference_first, reference_last : str or None
        First and last month of the reference period.
    calibration_id : int or None
    """

    kind: CheckKind
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
        """The window in words: a month, or a range of hours."""
        if self.kind == "month":
            return month_of(self.window_start)
        return f"{self.window_start:%Y-%m-%d %H:%M} to {self.window_end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class StoredSignal:
    """A signal of a stored report; ``threshold`` is None for an informational one."""

    value: SignalValue
    threshold: float | None
    alarmed: bool


@dataclass(frozen=True, slots=True)
class StoredDriftReport:
    """A report with its id, its signals (alarms first), and the decision on it, if any."""

    report_id: int
    report: DriftReport
    signals: tuple[StoredSignal, ...]
    artifact_uri: str | None
    action: Action | None
    training_run_id: str | None


@dataclass(frozen=True, slots=True)
class CheckedMonth:
    """The verdict on a month, and the last month of its reference period."""

    month: str
    model_version: str
    verdict: str
    reference_last: str


def save_report(
    connection: Connection,
    report: DriftReport,
    values: Sequence[SignalValue] = (),
    thresholds: Mapping[str, float] | None = None,
) -> int:
    """
    Store a report and its signals; return its id.

    A window that was checked before keeps its id, so that the training that its report triggered
    is not triggered again.
    """
    thresholds_of = thresholds or {}
    row = {**asdict(report), "summary": json.dumps(report.summary)}
    report_id = int(connection.execute(query("save_drift_report"), row).scalar_one())
    connection.execute(query("clear_drift_signals"), {"report_id": report_id})
    signals = [
        {
            "signal": value.signal,
            "value": value.value,
            "threshold": thresholds_of.get(value.signal),
            "alarmed": value.value > thresholds_of.get(value.signal, float("inf")),
            "test": value.test,
            "low": value.interval[0] if value.interval else None,
            "high": value.interval[1] if value.interval else None,
            "contributors": [asdict(contributor) for contributor in value.contributors],
        }
        for value in values
    ]
    binds = {"report_id": report_id, "signals": json.dumps(signals)}
    connection.execute(query("save_drift_signals"), binds)
    return report_id


def read_report(connection: Connection, report_id: int) -> StoredDriftReport:
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
    columns = DriftReport.__dataclass_fields__
    return StoredDriftReport(
        report_id=report_id,
        report=DriftReport(**{name: row[name] for name in columns}),
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
        contributors=tuple(Contributor(**contributor) for contributor in row["contributors"]),
        interval=None if row["low"] is None else (row["low"], row["high"]),
    )
    return StoredSignal(value, row["threshold"], row["alarmed"])


def set_artifact(connection: Connection, report_id: int, artifact_uri: str) -> None:
    """Store the address of a report's pages."""
    binds = {"report_id": report_id, "artifact_uri": artifact_uri}
    connection.execute(query("set_drift_artifact"), binds)


def save_decision(
    connection: Connection,
    report_id: int,
    action: Action,
    reason: str,
    training_run_id: str | None = None,
) -> None:
    """Store the decision on a report; a decision to retrain is never replaced."""
    binds = {
        "report_id": report_id,
        "action": action,
        "reason": reason,
        "training_run_id": training_run_id,
    }
    connection.execute(query("save_decision"), binds)


def judge_estimates(
    connection: Connection,
    site: str,
    now: datetime,
    *,
    known_after: timedelta,
    settled_after: timedelta,
    count: int,
) -> list[int]:
    """
    Write the F1 that came true into hourly reports with an estimated one; return their ids.

    Their summary then has ``f1_judged`` (F1@5, None if no true tags are known),
    ``judged_answers`` and ``judged_at``.

    Parameters
    ----------
    connection : Connection
    site : str
    now : datetime
        Aware.
    known_after, settled_after : timedelta
        After the end of an hour: when its true tags are read, and when they are read once more.
    count : int
        Reports at most, newest first.
    """
    binds = {
        "site": site,
        "now": now,
        "known_after": known_after,
        "settled_after": settled_after,
        "top": TOP_TAGS,
        "count": count,
    }
    return [row.report_id for row in connection.execute(query("judge_estimates"), binds)]


def decision_on_month(connection: Connection, site: str, start: datetime) -> Action | None:
    """Return the decision on the month that starts at ``start``; None before there is one."""
    binds = {"site": site, "start": start}
    action: Action | None = connection.execute(query("month_decision"), binds).scalar_one_or_none()
    return action


def checked_months(connection: Connection, site: str) -> list[CheckedMonth]:
    """Return the months with a verdict ``quiet`` or ``drift``, oldest first, by every model."""
    rows = connection.execute(query("checked_months"), {"site": site}).mappings()
    return [
        CheckedMonth(
            month_of(row["window_start"]),
            row["model_version"],
            row["verdict"],
            row["reference_last"],
        )
        for row in rows
    ]
