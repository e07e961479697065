"""Decisions on drift reports: no action, or one retraining and one mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from include.months import month_of
from include.retraining import policy_named
from include.settings import Settings
from include.store.drift import Action, StoredDriftReport, read_report, save_decision
from include.store.engine import process_engine
from include.task_results import DriftAlarm, TaskResult


@dataclass(frozen=True, slots=True)
class DriftDecision(TaskResult):
    """
    The decision on a drift report.

    Parameters
    ----------
    report_id : int
    action : {"retrain", "keep", "no_reference"}
    reason : str
    training_run_id : str or None
        The DAG run to trigger; the same each time the check is repeated.
    conf : mapping
        Params of that run.
    """

    report_id: int
    action: Action
    reason: str
    training_run_id: str | None = None
    conf: Mapping[str, Any] | None = None


def drift_decision(stored: StoredDriftReport, policy: str) -> DriftDecision:
    """
    Return the decision on a report under a retraining policy. Pure.

    A report triggers at most one retraining.
    """
    report, reason = stored.report, str(stored.report.summary["reason"])
    decide = partial(DriftDecision, stored.report_id)
    if report.verdict == "no_reference":
        return decide("no_reference", reason)
    if report.verdict != "drift":
        return decide("keep", reason)
    if stored.action == "retrain":
        return decide("keep", f"This report has already triggered {stored.training_run_id}")
    if report.summary.get("as_of"):
        return decide("keep", f"The champion was trained on this month already. {reason}")
    if not policy_named(policy).on_drift:
        return decide("keep", f"The policy {policy} does not retrain on drift. {reason}")
    monthly = report.kind == "month"
    return decide(
        "retrain",
        reason,
        _training_run_id(stored),
        {
            "reason": f"drift report {stored.report_id}: {reason}",
            "drift_report_id": stored.report_id,
            "test_month": month_of(report.window_start) if monthly else None,
        },
    )


def decision_of(settings: Settings, report_id: int, *, dag_id: str, run_id: str) -> dict[str, Any]:
    """
    Return the decision on a stored report as plain values, for the DAGs' tasks.

    Parameters
    ----------
    settings : Settings
    report_id : int
    dag_id, run_id : str
        The DAG run of the check, which the mail links to.

    Returns
    -------
    dict
        The fields of `DriftDecision`, and for a retraining ``mail_run_id`` (the run of
        ``send_mail``: one per training) and ``mail``, its `include.task_results.DriftAlarm`.
    """
    engine = process_engine(settings.require_database_url())
    with engine.connect() as connection:
        stored = read_report(connection, report_id)
    decision = drift_decision(stored, settings.retraining_policy)
    training = decision.training_run_id
    return {
        **decision.to_dict(),
        "mail_run_id": f"mail-{training}" if training else None,
        "mail": DriftAlarm(report_id, dag_id, run_id, training).to_dict(),
    }


def record_decision(settings: Settings, decision: DriftDecision) -> str:
    """Store a decision once it is carried out; return it in words."""
    engine = process_engine(settings.require_database_url())
    with engine.begin() as connection:
        save_decision(
            connection,
            decision.report_id,
            decision.action,
            decision.reason,
            decision.training_run_id,
        )
    return f"{decision.action}: {decision.reason}"


def _training_run_id(stored: StoredDriftReport) -> str:
    """
    Return the id of the training run that a report triggers.

    Each monthly report can trigger one. The hourly reports of a model share one per month: there
    is no newer training data before the next month is stored.
    """
    report = stored.report
    if report.kind == "month":
        return f"drift-report-{stored.report_id}"
    return f"drift-predictions-{report.model_version}-{month_of(report.window_end)}"
