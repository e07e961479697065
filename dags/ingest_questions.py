"""
### Fetch, store and check one month of questions.

Runs on the first of each month for the month before, and can be backfilled over any months from
Airflow's UI or command line. The month is split into windows, which are fetched in parallel as
far as the pool `stackexchange_api` allows. After a failure, or when the day's quota is used up, a
window resumes at its cursor. A manual run takes the month from its form; if that is empty, a run
with a logical date takes the last month that was over by then.

The run's id contains the date on which it was due; its month is in the labels of the windows and
in what `check` returns. Safe to run again: a month that runs twice leaves the same questions, with
edits and new tags since the first run.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, task

from include import names
from include.months import resolve_month
from plugins.dag_defaults import dag_settings
from plugins.month_param import month_param
from plugins.retry_policy import RetryTransientErrors


@dag(
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
    start_date=datetime(2008, 7, 1),
    max_active_runs=2,
    params={"month": month_param("YYYY-MM, a month that is over; empty for the run's own month")},
    tags=["questions"],
    **dag_settings(names.DAG_INGEST, __doc__, retry_policy=RetryTransientErrors()),
)
def ingest_questions() -> None:
    @task
    def plan(
        params: Any = None,
        data_interval_start: datetime | None = None,
        data_interval_end: datetime | None = None,
    ) -> list[dict[str, Any]]:
        from include.jobs.ingestion.month_ingest import MonthIngestion
        from include.settings import Settings

        month = resolve_month(params, data_interval_start, data_interval_end)
        windows = MonthIngestion.from_settings(Settings.from_env()).plan_windows(month)
        return [window.to_dict() for window in windows]

    # A site without a key grants 300 requests a day: a busy month takes several days' retries.
    @task(
        pool=names.POOL_API,
        retries=30,
        map_index_template="{{ task.op_kwargs['window']['label'] }}",
    )
    def fetch(window: dict[str, Any]) -> dict[str, Any]:
        from include.jobs.ingestion.month_ingest import MonthIngestion, PlannedWindow
        from include.settings import Settings

        month = MonthIngestion.from_settings(Settings.from_env())
        return month.fetch_window(PlannedWindow.from_dict(window))

    @task
    def check(
        params: Any = None,
        data_interval_start: datetime | None = None,
        data_interval_end: datetime | None = None,
    ) -> dict[str, Any]:
        from include.jobs.ingestion.month_ingest import MonthIngestion
        from include.settings import Settings

        month = resolve_month(params, data_interval_start, data_interval_end)
        return MonthIngestion.from_settings(Settings.from_env()).check_month(month)

    fetch.expand(window=plan()) >> check()


ingest_questions()
