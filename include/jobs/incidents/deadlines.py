"""Months that are overdue, by the stored data: a pipeline that never starts is told as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from include import names
from include.jobs.incidents.delivery import OpenSmtp, report
from include.jobs.ingestion.completeness import how_to_fetch, stored_completely
from include.months import add_months, month_of, month_range
from include.settings import Settings
from include.store.engine import process_engine
from include.store.models import latest_promotion
from include.store.overdue import installed_at, month_fetched_at, month_is_checked
from include.store.questions import questions_per_month
from include.task_results import Incident

GRACE: Final = timedelta(days=1)
"""Time for the check of a month that was stored later than its deadline."""


def tell_of_overdue(
    settings: Settings, open_smtp: OpenSmtp, now: datetime | None = None
) -> list[str]:
    """
    Tell of the last month if it is overdue, once; return the titles of what is.

    Parameters
    ----------
    settings : Settings
        ``ingest_deadline_days``, ``check_deadline_days``.
    open_smtp : callable
        As `include.jobs.incidents.delivery.report` takes it.
    now : datetime or None
        Aware; the current time if None.
    """
    engine = process_engine(settings.require_database_url())
    with engine.connect() as connection:
        incident = overdue(connection, settings, now or datetime.now(UTC))
    if incident is None:
        return []
    report(settings, incident, open_smtp)
    return [incident.title]


def overdue(connection: Connection, settings: Settings, now: datetime) -> Incident | None:
    """
    Return the incident of the last month if its questions or its check are overdue.

    A month that ended before the platform was installed is not expected.
    """
    month = add_months(month_of(now), -1)
    if installed_at(connection) >= month_range(month)[1]:
        return None
    has_questions = month in questions_per_month(connection, settings.site)
    stored = stored_completely(connection, settings.site, month)
    if stored is False or (stored is None and not has_questions):
        return _late_questions(settings, month, now)
    return _late_check(connection, settings, month, now) if has_questions else None


def _late_questions(settings: Settings, month: str, now: datetime) -> Incident | None:
    due = month_range(month)[1] + timedelta(days=settings.ingest_deadline_days)
    if not settings.ingest_deadline_days or now < due:
        return None
    return _incident(
        settings,
        key=f"overdue-questions-{month}",
        title=f"The questions of {month} are overdue",
        due=due,
        dag_id=names.DAG_INGEST,
        advice=f"See what the failed runs of {names.DAG_INGEST} say; then {how_to_fetch(month)}.",
    )


def _late_check(
    connection: Connection, settings: Settings, month: str, now: datetime
) -> Incident | None:
    """Return the incident unless the month is checked, or had no champion that could be checked."""
    start, end = month_range(month)
    due = end + timedelta(days=settings.check_deadline_days)
    fetched = month_fetched_at(connection, settings.site, start, end)
    if fetched is not None:
        due = max(due, fetched + GRACE)
    champion = latest_promotion(connection, names.CHAMPION)
    expected = champion is not None and champion.promoted_at < end
    if not settings.check_deadline_days or now < due or not expected:
        return None
    if month_is_checked(connection, settings.site, start):
        return None
    return _incident(
        settings,
        key=f"overdue-check-{month}",
        title=f"The drift check of {month} is overdue",
        due=due,
        dag_id=names.DAG_MONTHLY,
        advice=f"See whether the month's run of {names.DAG_MONTHLY} waits or failed; then trigger "
        f"{names.DAG_MONITOR_DRIFT} with the month.",
    )


def _incident(
    settings: Settings, *, key: str, title: str, due: datetime, dag_id: str, advice: str
) -> Incident:
    return Incident(
        key=key,
        run_key=key,
        title=title,
        rows=[("Expected by", f"{due:%Y-%m-%d %H:%M} UTC")],
        advice=advice,
        links=[("The DAG in Airflow", f"{settings.airflow_url.rstrip('/')}/dags/{dag_id}")],
    )
