"""
### Train a model on the months before a month, test it on that month and on every later one.

The study behind the stability page: how long a model stays good, what retraining gains, and what
happened in the months in which quality fell. Open the backfill dialog (or call
`airflow backfill create`), request a year, and read the result on the page; it grows with every
month that is finished.

Months may run in any order, in parallel, again or after a failure, and leave the same rows: the
month that ends later tests the models of both. Each month is a run named `Model_Month_YYYY-MM` in
MLflow, below the run of its year, with its model, figures and plots. A month whose questions are
missing fails at once; the message names the command that fetches them.

The DAG has a timetable, so that it can be backfilled, but is never due by itself: studies are run
on request; `train_candidates` and `monitor_drift` look after the served model. A run is named after
its month. A manual run takes the month from its form. If you change parameters in the
backfill dialog, tick "Override parameters on existing runs": otherwise Airflow ignores them, for
new runs too.
"""

from datetime import datetime
from typing import Any

from airflow.sdk import Param, dag, task

from include import names
from plugins.dag_defaults import dag_settings
from plugins.month_param import month_param
from plugins.requested_months import RequestedMonths
from plugins.retry_policy import RetryTransientErrors


@dag(
    schedule=RequestedMonths(),
    start_date=datetime(2008, 8, 1),
    max_active_runs=4,
    params={
        "month": month_param(
            "YYYY-MM: tested on it, trained on the months before; empty for the "
            "backfilled run's own month"
        ),
        "candidates": Param(
            [names.AUTO],
            type="array",
            items={"type": "string", "enum": [names.AUTO, *names.CANDIDATES]},
            examples=[names.AUTO, *names.CANDIDATES],
            minItems=1,
            title="Candidates",
            description="The families to study. auto: tfidf, which comes within .01 of the best "
            "and trains in seconds, or linear where a window has more than the 20,000 questions "
            "that tfidf learns from; bert, use and hybrid embed each question once, word2vec "
            "trains for minutes.",
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
            title="Training months",
            description="Empty: all that are stored before the month",
        ),
        "refreshes": Param(
            False,
            type="boolean",
            title="Refresh within the month",
            description="Also answer the month with models that are refitted within it, as "
            "refresh_champion does: every week (some four fits more), and when new tags surge.",
        ),
        "without_rare_tags": Param(
            False,
            type="boolean",
            title="Also without rare tags",
            description="Also answer the month with a model that knows only tags of five uses or "
            "more (one fit more; with refreshes as many again as those): what rarer tags gain.",
        ),
        "training_price": Param(
            None,
            type=["null", "number"],
            minimum=0,
            title="Price of a training",
            description="In any unit; with the price of a point, the page names the cheapest rule.",
        ),
        "point_price": Param(
            None,
            type=["null", "number"],
            minimum=0,
            title="Price of a point",
            description="Of .01 F1@5 that is lost over all months of the report, in the same unit.",
        ),
    },
    tags=["models"],
    **dag_settings(names.DAG_STABILITY, __doc__, retries=2, retry_policy=RetryTransientErrors()),
)
def stability_month() -> None:
    @task(pool=names.POOL_TRAINING, queue=names.QUEUE_TRAINING)
    def study(
        params: Any = None,
        dag_run: Any = None,
        data_interval_start: datetime | None = None,
        data_interval_end: datetime | None = None,
    ) -> dict[str, Any]:
        from include.jobs.stability.study import request_from_run, study_and_note
        from include.settings import Settings

        request = request_from_run(params, data_interval_start, data_interval_end)
        return study_and_note(Settings.from_env(), request, dag_run.run_id)

    study()


stability_month()
