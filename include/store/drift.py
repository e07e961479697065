"""Drift reports, decisions, references and thresholds in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from include.drift.calibration import CALIBRATION_VERSION, Calibration, Null
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


@dataclass(frozen=True, slots=True)
class ReferenceKey:
    """Which reference: a site, a model version and the months it covers."""

    site: str
    model_version: str
    first_month: str
    last_month: str


@dataclass(frozen=True, slots=True)
class ReferenceAnswers:
    """Suggestions (tag, score), best first, by question id; and what could be suggested."""

    vocabulary: frozenset[str]
    suggested: dict[int, tuple[tuple[str, float], ...]]


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that the service was asked, and its answer; ``body`` is HTML."""

    asked_at: datetime
    title: str
    body: str
    suggested: tuple[tuple[str, float], ...]


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


def save_calibration(
    connection: Connection, kind: Kind, key: ReferenceKey, calibration: Calibration, power: Any
) -> int:
    """Add thresholds and the power they have; return their id."""
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
    kind: Kind,
    key: ReferenceKey,
    *,
    smallest: int,
    largest: int,
    false_alarms_per_year: float,
) -> tuple[int, Calibration] | None:
    """
    Return (id, thresholds) made for a window of ``smallest`` to ``largest`` questions, if any.

    Only those of this reference, this false-alarm rate and this version of the code count.
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


def read_calibration(connection: Connection, calibration_id: int) -> Calibration:
    """Return stored thresholds by their id, which exists."""
    binds = {"calibration_id": calibration_id}
    return _calibration(connection.execute(query("drift_calibration"), binds).scalar_one())


def _calibration(details: Mapping[str, Any]) -> Calibration:
    stored = dict(details["calibration"])
    nulls = {name: Null(**null) for name, null in stored.pop("nulls").items()}
    return Calibration(nulls=nulls, **stored)


def save_reference(connection: Connection, key: ReferenceKey, answers: ReferenceAnswers) -> None:
    """Store a reference's suggestions; what is stored already stays."""
    binds = asdict(key)
    vocabulary = sorted(answers.vocabulary)
    connection.execute(query("save_drift_reference"), {**binds, "vocabulary": vocabulary})
    rows = [
        {
            "question_id": question_id,
            "tags": [tag for tag, _ in suggested],
            "scores": [score for _, score in suggested],
        }
        for question_id, suggested in answers.suggested.items()
    ]
    statement = query("save_drift_reference_answers")
    connection.execute(statement, {**binds, "answers": json.dumps(rows)})


def read_reference(connection: Connection, key: ReferenceKey) -> ReferenceAnswers | None:
    """Return a reference's suggestions, or None if they are not stored."""
    binds = asdict(key)
    vocabulary = connection.execute(query("drift_reference"), binds).scalar_one_or_none()
    if vocabulary is None:
        return None
    rows = connection.execute(query("drift_reference_answers"), binds)
    suggested = {row.question_id: tuple(zip(row.tags, row.scores, strict=True)) for row in rows}
    return ReferenceAnswers(frozenset(vocabulary), suggested)


def answered_between(
    connection: Connection, site: str, model_version: str, start: datetime, end: datetime
) -> list[Answered]:
    """Return what a model version answered in [start, end), each distinct question once."""
    binds = {"site": site, "model_version": model_version, "start": start, "end": end}
    rows = connection.execute(query("answered_between"), binds)
    return [
        Answered(
            row.asked_at,
            row.title,
            row.body,
            tuple((entry["tag"], float(entry["score"])) for entry in row.tags),
        )
        for row in rows
    ]
