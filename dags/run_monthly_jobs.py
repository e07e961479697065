"""
### When a month is stored: check it for drift, then train if the policy says so.

A run begins with each month and waits, without holding a worker, until the questions of the month
before are stored completely, by whatever fetched or imported them; a month that comes weeks late is
checked when it comes. Then follow `monitor_drift` and, after it, `train_candidates` if
`RETRAINING_POLICY` trains after this month, unless the check has already triggered a training for
drift. A month without questions is left out. Backfilling questions starts nothing: only the month
that is over by now has a run. Safe to run again: what it starts is named after the month.
"""

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, dag, task

from include import names
from include.timeouts import time_limits
from plugins.dag_defaults import dag_settings
from plugins.month_param import month_param
from plugins.wait_for_month import WaitForMonth


@dag(
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
    start_date=datetime(2008, 7, 1),
    # A month that is late does not hold up the next ones
    max_active_runs=4,
    params={"month": month_param("YYYY-MM, a month that is over. Empty: the run's own month.")},
    tags=["monitor", "models"],
    **dag_settings(names.DAG_MONTHLY, __doc__),
)
def run_monthly_jobs() -> None:
    wait = WaitForMonth(task_id="wait_for_month", longest=time_limits(names.DAG_MONTHLY).run * 0.8)

    @task.short_circuit
    def has_questions(month: str) -> bool:
        from include.jobs.ingestion.completeness import month_has_questions
        from include.settings import Settings

        return month_has_questions(Settings.from_env(), month)

    # A failed check reports itself, and prevents no training
    check = TriggerDagRunOperator(
        task_id="check",
        trigger_dag_id=names.DAG_MONITOR_DRIFT,
        trigger_run_id=f"month-stored-{wait.output}",
        conf={"month": wait.output},
        skip_when_already_exists=True,
        wait_for_completion=True,
        deferrable=True,
        allowed_states=["success", "failed"],
        failed_states=[],
    )

    @task.short_circuit(trigger_rule="none_failed")
    def training_is_due(month: str) -> dict[str, Any] | None:
        from include.jobs.training.scheduled_training import scheduled_training
        from include.settings import Settings

        return scheduled_training(Settings.from_env(), month)

    due = training_is_due(wait.output)
    train = TriggerDagRunOperator(
        task_id="train",
        trigger_dag_id=names.DAG_TRAIN,
        trigger_run_id=f"month-stored-{wait.output}",
        conf=due,
        skip_when_already_exists=True,
    )
    has_questions(wait.output) >> check >> due >> train


run_monthly_jobs()
