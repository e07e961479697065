"""
### Back up databases, artifacts, reports and spool.

Every night, while everything runs, into `BACKUP_DIR`: better on another disk or machine. Writes
only what an earlier backup does not have, keeps the newest `BACKUPS_KEPT`, and records each in the
table `backups`. How to restore is in docs/operations.md. Safe to run again: that makes another one.
"""

from datetime import datetime

from airflow.sdk import CronDataIntervalTimetable, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.retry_policy import RetryTransientErrors


@dag(
    schedule=CronDataIntervalTimetable("30 1 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    tags=["upkeep"],
    # On the platform's machine, which has the files
    **dag_settings(
        names.DAG_BACK_UP,
        __doc__,
        retry_policy=RetryTransientErrors(),
        executor=names.EXECUTOR_LOCAL,
    ),
)
def back_up() -> None:
    @task
    def make() -> str:
        from include.jobs.backup.create import back_up
        from include.settings import Settings

        return back_up(Settings.from_env()).place

    make()


back_up()
