"""Verifies in PostgreSQL what the demo claims: questions, figures, predictions."""

import time
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from include.demo.service_client import ServiceAnswer
from include.errors import CheckFailedError
from include.local_stack.waiting import wait_for
from include.months import add_months, month_range
from include.store.models import Promotion, latest_promotion
from include.store.queries import query
from include.store.questions import questions_per_month
from include.store.windows import read_windows

METRICS = ("f1@1", "f1@3", "f1@5", "coverage")
_RECORD_STANDSTILL_S = 10.0


def verify_months(engine: Engine, site: str, months: Sequence[str]) -> int:
    """
    Return the number of stored questions of ``months``.

    Raises
    ------
    CheckFailedError
        If a month has none, or one of its windows is unfinished or lacks questions that
        the site returned.
    """
    with engine.connect() as connection:
        counts = questions_per_month(connection, site)
        for month in months:
            if not counts.get(month):
                raise CheckFailedError(f"no questions of {month} are in PostgreSQL")
            windows = read_windows(connection, site, *month_range(month))
            returned = sum(window.fetched_count for window, _ in windows)
            if not windows or not all(window.done for window, _ in windows):
                raise CheckFailedError(f"month {month} was fetched only in part")
            if returned != counts[month]:
                raise CheckFailedError(
                    f"the site returned {returned} questions of {month}, "
                    f"PostgreSQL has {counts[month]}"
                )
    return sum(counts[month] for month in months)


def champion_promotion(engine: Engine) -> Promotion:
    """Return the ledger's newest row about the champion; CheckFailedError if there is none."""
    with engine.connect() as connection:
        promotion = latest_promotion(connection)
    if promotion is None:
        raise CheckFailedError("the ledger of promotions has no champion")
    return promotion


def candidate_figures(engine: Engine, site: str, test_month: str) -> dict[str, dict[str, float]]:
    """Return F1@1, 3, 5 and coverage on ``test_month`` of each candidate trained up to it."""
    with engine.connect() as connection:
        rows = connection.execute(
            query("figures_of_candidates"),
            {
                "site": site,
                "train_last": add_months(test_month, -1),
                "test_month": test_month,
                "metrics": list(METRICS),
            },
        )
        figures: dict[str, dict[str, float]] = {}
        for row in rows:
            figures.setdefault(row.candidate, {})[row.metric] = round(float(row.value), 4)
    return figures


def wait_until_recorded(
    engine: Engine, predictions: Sequence[ServiceAnswer], since: datetime
) -> float:
    """
    Return the seconds until every prediction is recorded under the version that made it.

    A prediction is durable when it is returned, but may wait on the service's disk for the next
    batch.

    Raises
    ------
    RetryLaterError
        If some are missing and no more arrive, or one is recorded twice.
    """
    started = time.monotonic()
    wait_for(
        lambda: _count_recorded(engine, predictions, since) == len(predictions),
        what=f"the service returned {len(predictions)} predictions; not all are in PostgreSQL",
        progress=lambda: _count_recorded(engine, predictions, since),
        explain=lambda: f"It has {_count_recorded(engine, predictions, since)} of them.",
        standstill_s=_RECORD_STANDSTILL_S,
        pause_s=0.2,
    )
    return time.monotonic() - started


def _count_recorded(engine: Engine, predictions: Sequence[ServiceAnswer], since: datetime) -> int:
    with engine.connect() as connection:
        found = connection.execute(
            query("recorded_predictions"),
            {
                "prediction_ids": [prediction.prediction_id for prediction in predictions],
                "model_versions": [prediction.model_version for prediction in predictions],
                "since": since,
            },
        )
        return int(found.scalar_one())
