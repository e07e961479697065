"""
### Train a model on the months before a month, test it on that month and on every later one.

The study behind the stability page: how long does a model stay good, what does retraining gain,
and what happened in the months in which quality fell. Open the backfill dialog (or call
`airflow backfill create`), ask for a year, and read the answer on the page; it grows with every
month that is done.

Months may run in any order, side by side, again or after a failure, and leave the same rows: the
month that ends later tests the models of both. Each month is a run named `Model_Month_YYYY-MM` in
MLflow, below the run of its year, with its model, figures and pictures. A month whose questions are
missing fails at once and names the command that gets them.

It has a timetable, so that it can be backfilled, but is never due by itself: a study is asked for,
and `train_candidates` and `monitor_drift` watch over what is served. A run is named after the month
that it holds. Started by hand, it asks for the month. Who changes parameters in the backfill dialog
ticks "Override parameters on existing runs": Airflow leaves them out otherwise, of new runs too.
"""

from datetime import datetime

from airflow.sdk import Param, dag, task

from include import names
from include.dag_defaults import DEFAULT_ARGS
from include.months import MONTH_PATTERN
from plugins.asked_months import AskedMonths
from plugins.retry_policy import RetryWhatPasses


@dag(
    schedule=AskedMonths(),
    start_date=datetime(2008, 8, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,
    default_args=DEFAULT_ARGS | {"retries": 2, "retry_policy": RetryWhatPasses()},
    params={
        "month": Param(
            None,
            type=["null", "string"],
            pattern=MONTH_PATTERN,
            title="Month",
            description="YYYY-MM: tested on it, trained on the months before; empty for the "
            "backfilled run's own",
        ),
        "candidates": Param(
            ["tfidf"],
            type="array",
            items={"type": "string", "enum": list(names.CANDIDATES)},
            examples=list(names.CANDIDATES),
            minItems=1,
            title="Candidates",
            description="The families to study. tfidf comes within .01 of the best and learns in "
            "seconds; bert, use and hybrid embed each question once, word2vec learns minutes.",
        ),
        "parameters": Param(
            {},
            type="object",
            title="Parameters",
            description='Where they differ from the defaults: {"tfidf": {"penalty": 1}}',
        ),
        "window_months": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Months to learn from",
            description="Empty: all that are stored before the month",
        ),
    },
    tags=["models"],
    doc_md=__doc__,
)
def stability_month():
    @task(pool=names.POOL_TRAINING)
    def study(params=None, dag_run=None, data_interval_start=None, data_interval_end=None) -> dict:
        from include.jobs.stability.study import request_from_run, study_and_note
        from include.settings import Settings

        request = request_from_run(params, data_interval_start, data_interval_end)
        return study_and_note(Settings.from_env(), request, dag_run.run_id)

    study()


stability_month()
