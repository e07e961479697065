"""
### Refresh the champion with the open month's questions, once a week or when new tags surge.

Runs daily and decides: the champion is refreshed `REFRESH_DAYS` after it last learned or was last
tried, or sooner if tags surge that it cannot suggest (at least three questions each, together more
than earlier spans of as many days let expect). Its own family with its own parameters then learns
everything up to the last days, and is judged against the champion on these days, which neither has
learned: the last 500 questions, but at most half of the new days, and never fewer than 30. If it is
not worse, overall and on every slice, it learns these days too and goes live. Otherwise the
champion stays. The note of the run says what was decided and why; a mail is sent on a refusal, on a
surge, or if there are many new tags.

A refresh is a version like any other: in the ledger, and `rollback_champion` brings the one before
back, which then stays for `REFRESH_DAYS`. Trainings by month go on: they compare all families. No
refresh is made while an A/B test is open. Safe to run again: what is done is not done twice.
"""

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.prepare_checks import prepare_checks
from plugins.retry_policy import RetryTransientErrors


@dag(
    # After ingest_recent, which fetches the day before
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    params={
        "now": Param(
            False,
            type="boolean",
            title="Refresh now",
            description="Even if it is not due; with the questions that are stored.",
        )
    },
    tags=["models"],
    **dag_settings(names.DAG_REFRESH, __doc__, retries=2, retry_policy=RetryTransientErrors()),
)
def refresh_champion() -> None:
    @task.short_circuit
    def decide(params: Any = None, dag_run: Any = None) -> dict[str, Any] | None:
        from include.jobs.refresh.refresh import decide_and_note
        from include.settings import Settings

        return decide_and_note(Settings.from_env(), dag_run.run_id, requested=params["now"])

    @task.short_circuit(pool=names.POOL_TRAINING, queue=names.QUEUE_TRAINING, multiple_outputs=True)
    def refresh(order: dict[str, Any], dag_run: Any = None) -> dict[str, Any] | None:
        from include.jobs.refresh.refresh import RefreshOrder, refresh_and_note
        from include.settings import Settings

        return refresh_and_note(Settings.from_env(), RefreshOrder.from_dict(order), dag_run.run_id)

    @task.short_circuit
    def is_notable(refreshed: dict[str, Any]) -> bool:
        return bool(refreshed["notable"])

    refreshed = refresh(decide())
    refreshed >> prepare_checks()
    is_notable(refreshed) >> TriggerDagRunOperator(
        task_id="notify",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id="mail-refresh-{{ run_id }}",
        conf={"kind": "training", "facts": refreshed["facts"], "run": "{{ run_id }}"},
        skip_when_already_exists=True,
    )


refresh_champion()
