"""
### Check a month's questions and true tags for drift; retrain if they have drifted.

Runs when a month is stored (`run_monthly_jobs`); can be backfilled over any stored months, or run
manually for one month. `check` stores signals, thresholds and the verdict as rows; `pages`
makes Evidently's reports (in MLflow, and in the workspace of `evidently ui`). Then one of three
follows: no reference yet; keep the model; or retrain, which triggers `train_candidates` with the
reason and the report's id, and `send_mail`. A month that is checked again keeps its report and does
not train again. A month that the champion was trained on is judged as it would have been before
that training, and triggers nothing.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import dag, task

from include import names
from include.months import resolve_month
from plugins.dag_defaults import dag_settings
from plugins.drift_follow_up import follow_up
from plugins.month_param import month_param
from plugins.requested_months import RequestedMonths


@dag(
    schedule=RequestedMonths(),
    start_date=datetime(2008, 8, 1),
    max_active_runs=1,
    params={"month": month_param("YYYY-MM, a stored month. Empty: the run's own month.")},
    tags=["monitor"],
    **dag_settings(names.DAG_MONITOR_DRIFT, __doc__),
)
def monitor_drift() -> None:
    @task(pool=names.POOL_TRAINING, queue=names.QUEUE_TRAINING)
    def check(
        params: Any = None,
        data_interval_start: datetime | None = None,
        data_interval_end: datetime | None = None,
    ) -> int:
        from include.jobs.drift.checks import Monitoring
        from include.settings import Settings

        month = resolve_month(params, data_interval_start, data_interval_end)
        return Monitoring.from_settings(Settings.from_env()).check_month(month)

    follow_up(check())


monitor_drift()
