"""
### Remove what is old and needed by nothing.

Every night: months of predictions and their feedback, versions of the model, runs of trainings and
drift checks with their artifacts, reports in Evidently's workspace, logs of tasks, and mails that
were sent, each when it is older than its setting `KEEP_...` says. Nothing goes that an alias, an
open A/B test or a rollback needs. Trigger it with `dry_run` to see in the log, and in what `remove`
returns, what would go. What went is in the log and in the table `removals`. Questions stay. Safe to
run again.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.retry_policy import RetryTransientErrors


@dag(
    # After the backup
    schedule=CronDataIntervalTimetable("30 3 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    params={
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="Remove nothing, only tell."
        )
    },
    tags=["upkeep"],
    # On the platform's machine, which has the files
    **dag_settings(
        names.DAG_RETENTION,
        __doc__,
        retry_policy=RetryTransientErrors(),
        executor=names.EXECUTOR_LOCAL,
    ),
)
def retention() -> None:
    @task
    def remove(params: Any = None) -> list[str]:
        from include.jobs.retention.retention import apply_retention, summary
        from include.settings import Settings

        removed = apply_retention(Settings.from_env(), dry_run=params["dry_run"])
        return list(summary(removed))

    remove()


retention()
