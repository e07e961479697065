"""What follows from a drift report: nothing, or one retraining and one mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from include.months import month_of
from include.settings import Settings
from include.store.drift import Action, StoredReport, read_report, save_decision
from include.store.engine import make_engine

RETRAINS_ON_DRIFT: Final = {"on_drift", "monthly_and_on_drift"}


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows from a report.

    Parameters
    ----------
    action : {"retrain", "keep", "no_reference"}
    reason : str
    training_run_id : str or None
        The DAG run to trigger; the same for every repetition of the check.
    conf : mapping
        Params of that run.
    """

    action: Action
    reason: str
    training_run_id: str | None = None
    conf: Mapping[str, Any] | None = None


def decide(stored: StoredReport, policy: str) -> Decision:
    """
    Return what follows from a report under a retraining policy. Pure.

    A report that led to a retraining leads to no second one.
    """
    report, reason = stored.report, str(stored.report.summary["reason"])
    if report.verdict == "no_reference":
        return Decision("no_reference", reason)
    if report.verdict != "drift":
        return Decision("keep", reason)
    if stored.action == "retrain":
        return Decision("keep", f"{stored.training_run_id} was triggered by this report already")
    if report.summary.get("as_of"):
        return Decision("keep", f"The champion has learned this month already. {reason}")
    if policy not in RETRAINS_ON_DRIFT:
        return Decision("keep", f"Retraining goes by the policy {policy}. {reason}")
    monthly = report.kind == "month"
    return Decision(
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
    Return what follows from a stored report as plain values, for the DAGs' tasks.

    Parameters
    ----------
    settings : Settings
    report_id : int
    dag_id, run_id : str
        The check's own run, which the mail links to.

    Returns
    -------
    dict
        ``report_id``, the fields of `Decision`, and for a retraining ``mail_run_id`` (the run of
        ``send_mail``: one per training) and ``mail`` (its facts).
    """
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.connect() as connection:
        stored = read_report(connection, report_id)
    decision = decide(stored, settings.retraining_policy)
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
    """Store a decision that has been carried out, as ``decision_of`` returned it; return it."""
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


def _training_run_id(stored: StoredReport) -> str:
    """
    Return the id of the training run that a report triggers.

    A month's report triggers one. The hourly reports of one model trigger one a month between
    them: there is nothing newer to learn from before the next month is stored.
    """
    report = stored.report
    if report.kind == "month":
        return f"drift-report-{stored.report_id}"
    return f"drift-predictions-{report.model_version}-{month_of(report.window_end)}"
