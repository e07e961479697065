"""
### Tell people of months that are overdue, and send what could not be sent yet.

A task that fails for good, or a run that takes too long, is reported at once by mail and Slack,
each cause once per run. This DAG sends every ten minutes what did not get through: because the
mail host or Slack was away, or because a task's process was killed, so that only its run is known
to have failed. The incidents wait in the table `outbox`. It also reports the last month if its
questions are not stored by `INGEST_DEADLINE_DAYS`, or not checked by `CHECK_DEADLINE_DAYS`,
whatever the cause, even if no run has started at all. Safe to run again: what was sent is not sent
twice.
"""

from datetime import datetime

from airflow.sdk import CronDataIntervalTimetable, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.failure_callbacks import open_smtp


@dag(
    schedule=CronDataIntervalTimetable("*/10 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    tags=["monitor"],
    **dag_settings(names.DAG_WATCH, __doc__),
)
def watch_pipeline() -> None:
    @task
    def deliver() -> dict[str, int]:
        from include.jobs.incidents.delivery import deliver_waiting
        from include.settings import Settings

        return deliver_waiting(Settings.from_env(), open_smtp)

    @task
    def tell_of_overdue() -> list[str]:
        from include.jobs.incidents.deadlines import tell_of_overdue
        from include.settings import Settings

        return tell_of_overdue(Settings.from_env(), open_smtp)

    deliver()
    tell_of_overdue()


watch_pipeline()
