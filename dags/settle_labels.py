"""
### Read the tags of the month before again, two weeks after its end, and say how many have changed.

People edit the tags of new questions for some days. Runs on the 15th of each month for the month
before, and can be backfilled. Each question of the month is read a second time; other tags become
the settled ones, which trainings, checks and the service's indicators use from then on. The tags
that were read first are kept. How well both agree is published by month:
`tagkeeper_label_agreement_ratio`. The month stays complete meanwhile.

Costs a request per 100 questions. If the day's quota is used up, the run goes on the next day where
it stopped. Safe to run again: what was read a second time is not read a third time. Fails if most
questions have other tags than at first: those are not stored.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.month_param import month_param
from plugins.retry_policy import RetryTransientErrors


@dag(
    schedule=CronDataIntervalTimetable("0 2 15 * *", timezone="UTC"),
    start_date=datetime(2008, 7, 1),
    max_active_runs=1,
    params={
        "month": month_param("YYYY-MM, over for two weeks. Empty: the month before the run's date.")
    },
    tags=["questions"],
    **dag_settings(names.DAG_SETTLE, __doc__, retry_policy=RetryTransientErrors()),
)
def settle_labels() -> None:
    # A site without a key grants 300 requests a day: a busy month takes several days' retries.
    @task(pool=names.POOL_API, retries=30)
    def read(params: Any = None, data_interval_end: datetime | None = None) -> dict[str, Any]:
        from include.jobs.ingestion.settled_labels import SettledLabels, month_to_settle
        from include.settings import Settings

        month = params["month"] or month_to_settle(data_interval_end)
        return SettledLabels.from_settings(Settings.from_env()).read(month)

    read()


settle_labels()
