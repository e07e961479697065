"""Airflow's callbacks for tasks and runs that failed for good: both end in the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from smtplib import SMTP
from typing import Any

from plugins.airflow_private import open_connection
from plugins.smtp_connection import smtp_connection


@contextmanager
def open_smtp() -> Iterator[SMTP]:
    """Give a connection to the mail host that Airflow knows."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=smtp_connection()) as hook:
        yield open_connection(hook)


def on_task_failure(context: Mapping[str, Any]) -> None:
    """
    Tell of a task that will not be tried again.

    Airflow calls it in the task's own process or, if the scheduler found the task dead, in the
    dag-processor, where there is no exception.
    """
    from include.jobs.incidents.delivery import report
    from include.jobs.incidents.failures import FailedTask, task_incident
    from include.settings import Settings

    task, error = context["ti"], context.get("exception")
    settings = Settings.from_env()
    failed = FailedTask(
        dag_id=task.dag_id,
        run_id=task.run_id,
        task_id=task.task_id,
        map_index=-1 if task.map_index is None else task.map_index,
        label=str(getattr(task, "rendered_map_index", None) or ""),
        attempt=task.try_number,
        cleared=times_cleared(context),
        error=error if isinstance(error, BaseException) else None,
    )
    report(settings, task_incident(settings, failed), open_smtp)


def on_run_failure(context: Mapping[str, Any]) -> None:
    """
    Tell of a run that took too long, or that failed while none of its tasks told why.

    Airflow calls it in the dag-processor.
    """
    from include.jobs.incidents.delivery import report, report_later
    from include.jobs.incidents.failures import run_incident
    from include.settings import Settings

    settings = Settings.from_env()
    reason = str(context.get("reason") or "failed")
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    incident = run_incident(settings, dag_id, run_id, times_cleared(context), reason)
    if reason == "task_failure":
        report_later(settings, incident)
    else:
        report(settings, incident, open_smtp)


def times_cleared(context: Mapping[str, Any]) -> int:
    """Return how often the run has been cleared, 0 where Airflow does not say."""
    return int(getattr(context.get("dag_run"), "clear_number", 0) or 0)
