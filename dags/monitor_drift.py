"""
### Check a month's questions and true tags for drift; retrain if they have drifted.

Runs on the second of each month for the month before; can be backfilled over any stored months, or
run manually for one month. `check` stores signals, thresholds and the verdict as rows; `pages`
makes Evidently's reports (in MLflow, and in the workspace of `evidently ui`). Then one of three
follows: no reference yet; keep the model; or retrain, which triggers `train_candidates` with the
reason and the report's id, and `send_mail`. A month that is checked again keeps its report and does
not train again. A month that the champion was trained on is judged as it would have been before
that training, and triggers nothing.
"""

from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from include.dag_defaults import DEFAULT_ARGS
from include.months import MONTH_PATTERN, resolve_month


@dag(
    schedule=CronDataIntervalTimetable("0 6 2 * *", timezone="UTC"),
    start_date=datetime(2008, 8, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={
        "month": Param(
            None,
            type=["null", "string"],
            pattern=MONTH_PATTERN,
            title="Month",
            description="YYYY-MM, a stored month. Empty: the run's own month.",
        )
    },
    tags=["monitor"],
    doc_md=__doc__,
)
def monitor_drift():
    @task(pool=names.POOL_TRAINING)
    def check(params=None, data_interval_start=None, data_interval_end=None) -> int:
        from include.jobs.drift.checks import Monitoring
        from include.settings import Settings

        month = resolve_month(params, data_interval_start, data_interval_end)
        return Monitoring.from_settings(Settings.from_env()).check_month(month)

    @task
    def pages(report_id: int) -> str | None:
        from include.jobs.drift.evidently_pages import publish
        from include.settings import Settings

        return publish(Settings.from_env(), report_id)

    @task
    def decide(report_id: int, dag_run=None) -> dict:
        from include.jobs.drift.decisions import decision_of
        from include.settings import Settings

        settings = Settings.from_env()
        return decision_of(settings, report_id, dag_id=dag_run.dag_id, run_id=dag_run.run_id)

    @task.branch
    def branch(action: str) -> str | list[str]:
        if action == "retrain":
            return ["retrain", "notify"]
        if action == "keep":
            return "keep_model"
        return "no_reference_yet"

    @task(trigger_rule="none_failed")
    def record(decision: dict) -> str:
        from include.jobs.drift.decisions import record_decision
        from include.settings import Settings

        return record_decision(Settings.from_env(), decision)

    report_id = check()
    decision = decide(report_id)
    retrain = TriggerDagRunOperator(
        task_id="retrain",
        trigger_dag_id=names.DAG_TRAIN,
        trigger_run_id=decision["training_run_id"],
        conf=decision["conf"],
        skip_when_already_exists=True,
    )
    notify = TriggerDagRunOperator(
        task_id="notify",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id=decision["mail_run_id"],
        conf={"kind": "drift", "facts": decision["mail"]},
        skip_when_already_exists=True,
    )
    # The mail links to the pages; it is sent without them if they cannot be made.
    pages_tried = EmptyOperator(task_id="pages_tried", trigger_rule="all_done")
    keep_model = EmptyOperator(task_id="keep_model")
    no_reference_yet = EmptyOperator(task_id="no_reference_yet")

    branch(decision["action"]) >> [retrain, notify, keep_model, no_reference_yet]
    pages(report_id) >> pages_tried >> notify
    # Also if the triggered run exists already: the recording may have been interrupted.
    [retrain, keep_model, no_reference_yet] >> record(decision)


monitor_drift()
