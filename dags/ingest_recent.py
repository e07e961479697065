"""
### Fetch, store and check what was asked this month, up to last midnight; and what is new of tags.

Runs daily. Each day of the open month that is over is a window of its own, fetched by the same
client and stored with the same cursors as a month in `ingest_questions`; days that an imported file
covers are left out. A run spends at most `RECENT_REQUESTS_PER_DAY` of the API's quota, and leaves
the other days to the next run: `days_left` in the result of `pull` names them.

The month is not complete by this: when it is over, `ingest_questions` reads it again as a whole,
with the tags as people have edited them since. Until then no training by month and no drift check
uses it. Safe to run again: a day that is stored is not fetched again.

`synonyms` reads the tag synonyms that the site has made since the last run, with one request as a
rule, and once in thirty days all of them. From then on, trainings, checks and the service call
these tags by their canonical names. `descriptions` reads what the site says of the tags in use,
with at most ten requests, for the service to show beside a suggestion.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.retry_policy import RetryTransientErrors


@dag(
    schedule=CronDataIntervalTimetable("30 0 * * *", timezone="UTC"),
    start_date=datetime(2008, 7, 1),
    max_active_runs=1,
    params={
        "until": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Until",
            description="YYYY-MM-DD: the days of its month before it. Empty: those before today.",
        )
    },
    tags=["questions"],
    **dag_settings(names.DAG_INGEST_RECENT, __doc__, retry_policy=RetryTransientErrors()),
)
def ingest_recent() -> None:
    @task(pool=names.POOL_API)
    def pull(params: Any = None) -> dict[str, Any]:
        from include.jobs.ingestion.import_file import parse_day
        from include.jobs.ingestion.open_month import OpenMonthIngestion
        from include.settings import Settings

        until = parse_day(params["until"]) if params["until"] else None
        return OpenMonthIngestion.from_settings(Settings.from_env()).pull(until)

    @task
    def check(params: Any = None) -> dict[str, Any]:
        from include.jobs.ingestion.import_file import parse_day
        from include.jobs.ingestion.open_month import OpenMonthIngestion
        from include.settings import Settings

        until = parse_day(params["until"]) if params["until"] else None
        return OpenMonthIngestion.from_settings(Settings.from_env()).check(until)

    @task(pool=names.POOL_API)
    def synonyms() -> dict[str, Any]:
        from include.jobs.ingestion.synonyms import SynonymIngestion
        from include.settings import Settings

        return SynonymIngestion.from_settings(Settings.from_env()).pull()

    @task(pool=names.POOL_API)
    def descriptions() -> dict[str, Any]:
        from include.jobs.ingestion.tag_descriptions import DescriptionIngestion
        from include.settings import Settings

        return DescriptionIngestion.from_settings(Settings.from_env()).pull()

    pull() >> check()
    synonyms() >> descriptions()


ingest_recent()
