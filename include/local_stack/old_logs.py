"""
Task logs of a Celery worker that are too old, removed by the worker itself.

The ``retention`` DAG reaches the disks of the platform's own machine only: in a container or on
another machine nobody else can remove a worker's logs.
"""

import logging
from datetime import UTC, datetime
from typing import Any, Final

from include.jobs.retention.files import log_steps
from include.settings import Settings

_DAY_S: Final = 86_400.0
log = logging.getLogger(__name__)


def remove_old_logs(settings: Settings, now: datetime) -> None:
    """
    Remove the task logs of this machine that are older than ``keep_logs_days``; say how many.

    Parameters
    ----------
    settings : Settings
        ``airflow__logging__base_log_folder`` and ``keep_logs_days`` are used.
    now : datetime
        With a time zone.
    """
    for step in log_steps(settings, now):
        step.carry_out()
        log.info("removed: %s", step.removal)


def remove_daily(sender: Any, **_: Any) -> None:
    """
    Remove old logs now and every day: a receiver of Celery's signal ``worker_ready``.

    Parameters
    ----------
    sender : celery.worker.consumer.Consumer
        Its timer runs in the worker's main process, which runs no task.
    """

    def remove() -> None:
        remove_old_logs(Settings.from_env(), datetime.now(UTC))

    remove()
    sender.timer.call_repeatedly(_DAY_S, remove)
