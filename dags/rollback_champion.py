"""
### Roll the champion back to an earlier version.

A manual run with a version, or `previous`: the version that the current champion replaced when it
was promoted (run again, it goes one step further back). Refuses a version that does not exist, does
not load or does not answer. Moves the alias, writes the ledger row with the reason, and succeeds
when the service answers with the old version. Safe to run again: a run moves the alias once.
"""

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.retry_policy import RetryTransientErrors


@dag(
    schedule=None,
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    params={
        "version": Param(
            "previous",
            type="string",
            pattern=r"^(previous|[1-9]\d*)$",
            title="Version",
            description="A version's number, or 'previous'.",
        ),
        "reason": Param(
            None,
            type="string",
            minLength=3,
            pattern=r"\S",
            title="Reason",
            description="Required: what is wrong with the current champion. Goes into the ledger.",
        ),
    },
    tags=["models", "serving"],
    **dag_settings(names.DAG_ROLLBACK, __doc__, retries=2, retry_policy=RetryTransientErrors()),
)
def rollback_champion() -> None:
    @task
    def move(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
        from include.jobs.release.rollback import roll_back_from_settings
        from include.settings import Settings

        result = roll_back_from_settings(
            Settings.from_env(),
            version=params["version"],
            reason=params["reason"],
            actor=dag_run.triggering_user_name or dag_run.run_id,
            request_id=dag_run.run_id,
        )
        return result.to_dict()

    @task
    def verify(promotion: dict[str, Any]) -> float:
        from include.jobs.release.rollback import verify_from_settings
        from include.settings import Settings

        return verify_from_settings(Settings.from_env(), promotion["to_version"])

    promotion = move()
    seconds = verify(promotion)
    seconds >> TriggerDagRunOperator(
        task_id="notify",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id="mail-rollback-{{ run_id }}",
        conf={
            "kind": "rollback",
            "facts": promotion,
            "seconds": seconds,
            "run": "{{ run_id }}",
        },
        skip_when_already_exists=True,
    )


rollback_champion()
