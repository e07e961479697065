"""Decisions on drift reports: no action, or one retraining and one mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from include.months import month_of
from include.retraining import policy_named
from include.settings import Settings
from include.store.drift import Action, StoredDriftReport, read_report, save_decision
from include.store.engine import make_engine


@dataclass(frozen=True, slots=True)
class DriftDecision:
    """
    The decision on a drift report.

    Parameters
    ----------
    action : {"retrain", "keep", "no_reference"}
    reason : str
    training_run_id : str or None
        The DAG run to trigger; the same each time the check is repeated.
    conf : mapping
        Params of that run.
    """

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
    if report.verdict == "no_reference":
        return DriftDecision("no_reference", reason)
    if report.verdict != "drift":
        return DriftDecision("keep", reason)
    if stored.action == "retrain":
        return DriftDecision("keep", f"This report has already triggered {stored.training_run_id}")
    if report.summary.get("as_of"):
        return DriftDecision("keep", f"The champion was trained on this month already. {reason}")
    if not policy_named(policy).on_drift:
        return DriftDecision("keep", f"The policy {policy} does not retrain on drift. {reason}")
    monthly = report.kind == "month"
    return DriftDecision(
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
        ``report_id``, the fields of `DriftDecision`, and for a retraining ``mail_run_id`` (the run
        of ``send_mail``: one per training) and ``mail`` (its facts).
    """
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.connect() as connection:
        stored = read_report(connection, report_id)
    decision = drift_decision(stored, settings.retraining_policy)
    mail = {
        "report_id": report_id,
        "dag_id": dag_id,
        "run_id": run_id,
        "training_run_id": decision.training_run_id,
    }
    return {
        "report_id": report_id,
        **asdict(decision),
        "mail_run_id": f"mail-{decision.training_run_id}" if decision.training_run_id else None,
        "mail": mail,
    }


def record_decision(settings: Settings, decision: Mapping[str, Any]) -> str:
    """Store a decision of ``decision_of`` once it is carried out; return it in words."""
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.begin() as connection:
        save_decision(
            connection,
            int(decision["report_id"]),
            decision["action"],
            decision["reason"],
            decision["training_run_id"],
        )
    return f"{decision['action']}: {decision['reason']}"


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
