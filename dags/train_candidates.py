"""
### Train every candidate, compare the best with the champion, register and promote it.

Trains on the months before the test month and evaluates each candidate on the test month. The gate
then decides: the best must be better with confidence (after a drift decision: not worse), and no
slice of the questions much worse. The winner is refitted with the test month before it is served.
The selected candidate and the reason are in the run's note, in MLflow and in what `select` returns.

Runs by the policy `RETRAINING_POLICY` when a month is stored and checked (`run_monthly_jobs`); on a
drift decision; on an alert that the live precision is low (docs/monitoring.md); or manually, with
the form below. A candidate that fails does not stop the others. Afterwards the thresholds of the
drift checks are calibrated for the current champion. Backfilling questions does not start it. Safe
to run again: a candidate trained with the same questions, parameters and code is reused, and a
promotion is not repeated.
"""

import os
from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.month_param import month_param
from plugins.prepare_checks import prepare_checks
from plugins.requested_months import RequestedMonths
from plugins.retry_policy import RetryTransientErrors

# Parsed every few seconds: the environment is read directly, which is 0.2 s faster than Settings.
CANDIDATES = os.environ.get("CANDIDATES") or names.AUTO


@dag(
    schedule=RequestedMonths(),
    start_date=datetime(2008, 8, 1),
    max_active_runs=1,
    params={
        "test_month": month_param(
            "YYYY-MM: evaluated on it, trained on the months before. Empty: the latest "
            "that is completely stored.",
            title="Test month",
        ),
        "window_months": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Training months",
            description="Empty: as TRAINING_WINDOW_MONTHS says, or all that are stored.",
        ),
        "candidates": Param(
            [name.strip() for name in CANDIDATES.split(",") if name.strip()],
            type="array",
            items={"type": "string", "enum": [names.AUTO, *names.CANDIDATES]},
            examples=[names.AUTO, *names.CANDIDATES],
            minItems=1,
            title="Candidates",
            description="The families to train and compare. auto: those that can learn from every "
            "question of the window.",
        ),
        "parameters": Param(
            {},
            type="object",
            title="Parameters",
            description='Where they differ from the defaults: {"tfidf": {"penalty": 2}}, or a list '
            "of such sets to compare.",
        ),
        "reason": Param(
            "",
            type="string",
            title="Reason",
            description="Why to train: goes into the ledger and the note.",
        ),
        "drift_report_id": Param(
            None,
            type=["null", "integer"],
            title="Drift report",
            description="Set by monitor_drift: the challenger then only must not be worse.",
        ),
        "refit": Param(
            True,
            type="boolean",
            title="Refit with the test month before serving",
            description="So that tags first used in the latest month can be suggested.",
        ),
    },
    tags=["models"],
    **dag_settings(names.DAG_TRAIN, __doc__, retries=2, retry_policy=RetryTransientErrors()),
)
def train_candidates() -> None:
    @task
    def plan(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
        from include.jobs.training.pipeline import TrainingPipeline, request_from_run
        from include.settings import Settings

        settings = Settings.from_env()
        pipeline = TrainingPipeline.from_settings(settings)
        request = request_from_run(
            settings,
            params,
            run_id=dag_run.run_id,
            run_type=dag_run.run_type.value,
            data_interval_end=dag_run.data_interval_end,
        )
        return pipeline.plan(request).to_dict()

    @task
    def candidates(planned: dict[str, Any]) -> Any:
        return planned["specs"]

    @task(
        pool=names.POOL_TRAINING,
        queue=names.QUEUE_TRAINING,
        retries=1,
        map_index_template="{{ task.op_kwargs['spec']['label'] }}",
    )
    def train(planned: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
        from include.jobs.training.pipeline import TrainingPipeline
        from include.jobs.training.plan import CandidateSpec, TrainingPlan
        from include.settings import Settings

        training = TrainingPipeline.from_settings(Settings.from_env())
        trained = training.train_one(TrainingPlan.from_dict(planned), CandidateSpec.from_dict(spec))
        return trained.to_dict()

    # Runs also if some candidates failed, and reports them; not if the plan failed.
    @task(
        pool=names.POOL_TRAINING,
        queue=names.QUEUE_TRAINING,
        trigger_rule="all_done_min_one_success",
    )
    def select(
        planned: dict[str, Any], trained: list[dict[str, Any]], dag_run: Any = None
    ) -> dict[str, Any]:
        from include.jobs.training.pipeline import select_and_note
        from include.settings import Settings

        result = select_and_note(Settings.from_env(), planned, list(trained), dag_run.run_id)
        return result.to_dict()

    planned = plan()
    selected = select(planned, train.partial(planned=planned).expand(spec=candidates(planned)))
    selected >> prepare_checks()
    # A run of its own, so that a mail host that is down delays no training.
    selected >> TriggerDagRunOperator(
        task_id="notify",
        trigger_dag_id=names.DAG_SEND_MAIL,
        trigger_run_id="mail-training-{{ run_id }}",
        conf={"kind": "training", "facts": selected, "run": "{{ run_id }}"},
        skip_when_already_exists=True,
    )


train_candidates()
