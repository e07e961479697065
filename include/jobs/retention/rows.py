"""Old answers of the service, and mails that were sent, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine

from include.jobs.retention.steps import RetentionStep
from include.months import add_months, month_of, month_start
from include.settings import Settings
from include.store.ab_tests import open_ab_test
from include.store.retention import (
    delete_feedback,
    delete_incidents,
    drop_partition,
    old_feedback,
    old_partitions,
    sent_incidents,
)


def row_steps(engine: Engine, settings: Settings, now: datetime) -> Iterator[RetentionStep]:
    """
    Yield the months of predictions with their feedback, and the sent incidents, that are too old.

    A month in which an open A/B test ran stays, however old it is.
    """
    with engine.connect() as connection:
        if settings.keep_predictions_months:
            before = month_start(add_months(month_of(now), -settings.keep_predictions_months))
            test = open_ab_test(connection)
            if test is not None:
                before = min(before, month_start(month_of(test.started_at)))
            for removal in old_partitions(connection, before):
                name = removal.name
                yield RetentionStep(
                    removal, _in_transaction(engine, partial(drop_partition, name=name))
                )
            for removal in old_feedback(connection, before):
                yield RetentionStep(
                    removal, _in_transaction(engine, partial(delete_feedback, before=before))
                )
        if settings.keep_mails_days:
            before = now - timedelta(days=settings.keep_mails_days)
            for removal in sent_incidents(connection, before):
                yield RetentionStep(
                    removal, _in_transaction(engine, partial(delete_incidents, before=before))
                )


def _in_transaction(engine: Engine, statement: Callable[[Connection], None]) -> Callable[[], None]:
    def carry_out() -> None:
        with engine.begin() as connection:
            statement(connection)

    return carry_out
