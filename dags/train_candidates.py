"""
### Train every candidate, hold the best against the champion, register and promote it.

Learns from the months before the test month, measures each candidate on the test month, and lets
the gate decide: better with confidence, or, after a drift decision, not worse, and no slice of the
questions much worse. The winner learns from the test month too before it is served. Which candidate
was chosen and why stands in the run's note, in MLflow and in what `choose` returns.

Runs by the policy `RETRAINING_POLICY` on the third of the month, when the month before is stored;
on a drift decision; or by hand, with the form below. A scheduled run that finds too little stored
to learn from is skipped. A candidate that fails does not stop the others. Then the thresholds of
the drift checks are found for whoever is champion now. Backfilling questions never starts it. Safe
to run again: what was trained with the same questions, parameters and code is used again, and what
was promoted is not promoted twice.
"""

import os
from datetime import datetime

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronDataIntervalTimetable, Param, dag, task

from include import names
from include.dag_defaults import DEFAULT_ARGS
from include.months import MONTH_PATTERN
from plugins.retry_policy import RetryWhatPasses

# Parsed every few seconds: the environment is read directly, which is 0.2 s faster than Settings.
POLICY = os.environ.get("RETRAINING_POLICY") or "monthly_and_on_drift"
CRON = {
    "monthly": "0 6 3 * *",
    "monthly_and_on_drift": "0 6 3 * *",
    "quarterly": "0 6 3 1,4,7,10 *",
}
CHOSEN = os.environ.get("CANDIDATES") or ",".join(names.CANDIDATES)


@dag(
    schedule=CronDataIntervalTimetable(CRON[POLICY], timezone="UTC") if POLICY in CRON else None,
    start_date=datetime(2008, 8, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"retries": 2, "retry_policy": RetryWhatPasses()},
    params={
        "test_month": Param(
            None,
            type=["null", "string"],
            pattern=MONTH_PATTERN,
            title="Test month",
            description="YYYY-MM: measured on it, trained on the months before. Empty: the latest "
            "that is completely stored.",
        ),
        "window_months": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Months to learn from",
            description="Empty: as TRAINING_WINDOW_MONTHS says, or all that are stored.",
        ),
        "candidates": Param(
            [name.strip() for name in CHOSEN.split(",") if name.strip()],
            type="array",
            items={"type": "string", "enum": list(names.CANDIDATES)},
            examples=list(names.CANDIDATES),
            minItems=1,
            title="Candidates",
            description="The families to train and compare.",
        ),
        "parameters": Param(
            {},
            type="object",
            title="Parameters",
            description='Where they differ from the defaults: {"tfidf": {"penalty": 2}}, or a list '
            "of such sets to be compared.",
        ),
        "reason": Param(
            "",
            type="string",
            title="Reason",
            description="Why this training: goes into the ledger and the note.",
        ),
        "drift_report_id": Param(
            None,
            type=["null", "integer"],
            title="Drift report",
            description="Set by monitor_drift: the challenger then need only be not worse.",
        ),
        "refit": Param(
            True,
            type="boolean",
            title="Learn from the test month before serving",
            description="So that tags born in the latest month can be suggested.",
        ),
    },
    tags=["models"],
    doc_md=__doc__,
)
def train_candidates():
    @task
    def plan(params=None, dag_run=None) -> dict:
        from airflow.sdk.exceptions import AirflowSkipException

        from include.jobs.training.pipeline import Training, request_from_run
        from include.jobs.training.preconditions import too_early
        from include.settings import Settings

        settings = Settings.from_env()
        if reason := too_early(settings, dag_run.run_type.value):
            raise AirflowSkipException(reason)
        request = request_from_run(
            settings,
            params,
            run_id=dag_run.run_id,
            run_type=dag_run.run_type.value,
            data_interval_end=dag_run.data_interval_end,
        )
        return Training.from_settings(settings).plan(request).to_dict()

    @task
    def candidates(planned: dict) -> list[dict]:
        return planned["specs"]

    @task(
        pool=names.POOL_TRAINING,
        retries=1,
        map_index_template="{{ task.op_kwargs['spec']['label'] }}",
    )
    def train(planned: dict, spec: dict) -> dict:
        from include.jobs.training.pipeline import Training
        from include.jobs.training.plan import CandidateSpec, Plan
        from include.settings import Settings

        training = Training.from_settings(Settings.from_env())
        found = training.train_one(Plan.from_dict(planned), CandidateSpec.from_dict(spec))
        return found.to_dict()

    # runs when some candidates failed, and says so; not when the plan did
    @task(pool=names.POOL_TRAINING, trigger_rule="all_done_min_one_success")
    def choose(planned: dict, trained: list[dict], dag_run=None) -> dict:
        from include.jobs.training.pipeline import choose_and_note
        from include.settings import Settings

        return choose_and_note(Settings.from_env(), planned, list(trained), dag_run.run_id)

    # Downstream of the alias's move, which it can neither delay nor undo.
    @task(pool=names.POOL_TRAINING)
    def prepare_checks() -> list[int]:
        from include.jobs.drift.checks import Monitoring
        from include.settings import Settings

        return list(Monitoring.from_settings(Settings.from_env()).prepare_checks())

    planned = plan()
    chosen = choose(planned, train.partial(planned=planned).expand(spec=candidates(planned)))
    chosen >> prepare_checks()
    # A run of its own: a mail host that is down holds up no training.
    chosen >> TriggerDagRunOperator(
        task_id="say_so",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id="mail-training-{{ run_id }}",
        conf={"kind": "training", "facts": chosen, "run": "{{ run_id }}"},
        skip_when_already_exists=True,
    )


train_candidates()
