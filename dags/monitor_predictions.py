"""
### Check the service's recent questions and predictions for drift; retrain if they have drifted.

Runs every hour. Compares the hour's distinct questions, and the champion's suggestions for them,
with the reference months. If there are few, the window reaches back up to a day; with fewer than
fifty questions in it the verdict is `too_few`. True tags are not known yet, so only signals of
texts and suggestions are used. Signals, thresholds and the verdict are stored as rows; `pages`
makes Evidently's reports. Alarms trigger `train_candidates` at most once per month and model.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from include.dag_defaults import DEFAULT_ARGS


@dag(
    schedule=CronDataIntervalTimetable("@hourly", timezone="UTC"),
    start_date=datetime(2024, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
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
    doc_md=__doc__,
)
def monitor_predictions():
    @task
    def check(params=None, data_interval_end=None) -> int:
        from include.jobs.drift.checks import Monitoring
        from include.settings import Settings

        until = datetime.fromisoformat(params["until"]) if params["until"] else data_interval_end
        until = until or datetime.now(UTC)
        monitoring = Monitoring.from_settings(Settings.from_env())
        return monitoring.check_predictions(until - timedelta(hours=1), until)

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


monitor_predictions()
