"""
### Check the service's recent questions and predictions for drift; retrain if they have drifted.

Runs every hour. Compares the hour's distinct questions, and the champion's suggestions for them,
with the reference months. If there are few, the window reaches back up to a day; with fewer than
fifty questions in it the verdict is `too_few`. True tags are not known yet, so only signals of
texts and suggestions are used. Signals, thresholds and the verdict are stored as rows; `pages`
makes Evidently's reports. Alarms trigger `train_candidates` at most once per month and model.
`judge_estimates` reads what came true of the F1 that was estimated two days before.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.drift_follow_up import follow_up


@dag(
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    max_active_runs=1,
    params={
        "until": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Until",
            description="End of the hour to check. Empty: the run's own hour, or the last one.",
        )
    },
    tags=["monitor"],
    **dag_settings(names.DAG_MONITOR_PREDICTIONS, __doc__),
)
def monitor_predictions() -> None:
    @task
    def check(params: Any = None, data_interval_end: datetime | None = None) -> int:
        from include.jobs.drift.checks import Monitoring
        from include.settings import Settings

        until = datetime.fromisoformat(params["until"]) if params["until"] else data_interval_end
        until = until or datetime.now(UTC)
        monitoring = Monitoring.from_settings(Settings.from_env())
        return monitoring.check_predictions(until - timedelta(hours=1), until)

    @task
    def judge_estimates() -> int:
        from include.jobs.drift.estimates import judge_hourly_estimates
        from include.settings import Settings

        return judge_hourly_estimates(Settings.from_env())

    follow_up(check())
    judge_estimates()


monitor_predictions()
