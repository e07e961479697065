"""The tasks after a drift check, the same for a month of questions and for recent predictions."""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import XComArg, task

from include import names


def follow_up(report_id: XComArg) -> None:
    """
    Add the tasks that publish, decide on and record a stored drift report to the current DAG.

    Parameters
    ----------
    report_id : XComArg
        Output of the task that made the check.
    """
    decision = decide(report_id)
    retrain = TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id=names.DAG_TRAIN,
        trigger_run_id=decision["training_run_id"],
        conf=decision["conf"],
        skip_when_already_exists=True,
    )
    notify = TriggerDagRunOperator(
        task_id="notify",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id=decision["mail_run_id"],
        conf={"kind": "drift", "facts": decision["mail"]},
        skip_when_already_exists=True,
    )
    # The mail links to the pages; it is sent without them if they cannot be made.
    pages_tried = EmptyOperator(task_id="pages_tried", trigger_rule="all_done")
    keep_model = EmptyOperator(task_id="keep_model")
    no_reference_yet = EmptyOperator(task_id="no_reference_yet")

    branch(decision["action"]) >> [retrain, notify, keep_model, no_reference_yet]
    pages(report_id) >> pages_tried >> notify
    # Also if the triggered run exists already: the recording may have been interrupted.
    [retrain, keep_model, no_reference_yet] >> record(decision)


@task
def pages(report_id: int) -> str | None:
    """Make Evidently's reports; return their address."""
    from include.jobs.drift.evidently_pages import publish
    from include.settings import Settings

    return publish(Settings.from_env(), report_id)


@task
def decide(report_id: int, dag_run: Any = None) -> dict[str, Any]:
    """Return the decision on the report, which is not recorded before it is carried out."""
    from include.jobs.drift.decisions import decision_of
    from include.settings import Settings

    settings = Settings.from_env()
    return decision_of(settings, report_id, dag_id=dag_run.dag_id, run_id=dag_run.run_id)


@task.branch
def branch(action: str) -> str | list[str]:
    """Choose the tasks that carry the decision out."""
    if action == "retrain":
        return ["retrain", "notify"]
    if action == "keep":
        return "keep_model"
    return "no_reference_yet"


@task(trigger_rule="none_failed")
def record(decision: dict[str, Any]) -> str:
    """Store the decision as carried out."""
    from include.jobs.drift.decisions import DriftDecision, record_decision
    from include.settings import Settings

    return record_decision(Settings.from_env(), DriftDecision.from_dict(decision))
