"""How long each DAG's tasks and runs may take, before they are ended and people are told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from include import names
from include.errors import FixSettingsError

SCALE: Final = "TIMEOUT_SCALE"


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """
    Limits of a DAG, for one machine and 66,000 questions a month; ``TIMEOUT_SCALE`` raises them.

    Parameters
    ----------
    task : timedelta
        Of one attempt of a task.
    run : timedelta
        Of a run, with its waits for pools and between attempts.
    """

    task: timedelta
    run: timedelta


def _hours(task: float, run: float) -> TimeLimits:
    return TimeLimits(timedelta(hours=task), timedelta(hours=run))


LIMITS: Final = {
    # A site without a key grants 300 requests a day: a busy month is fetched over several days
    names.DAG_INGEST: _hours(6, 10 * 24),
    names.DAG_INGEST_RECENT: _hours(4, 20),
    names.DAG_SETTLE: _hours(6, 10 * 24),
    names.DAG_TRAIN: _hours(12, 3 * 24),
    names.DAG_REFRESH: _hours(6, 20),
    # Runs of a backfill wait for each other's trainings
    names.DAG_STABILITY: _hours(12, 7 * 24),
    names.DAG_MONITOR_PREDICTIONS: _hours(0.75, 6),
    names.DAG_MONITOR_DRIFT: _hours(4, 24),
    names.DAG_JUDGE: _hours(1, 6),
    names.DAG_ROLLBACK: _hours(0.5, 6),
    # Mails are tried again for half a day
    names.DAG_SEND_MAIL: _hours(0.25, 24),
    # A month may be stored weeks late
    names.DAG_MONTHLY: _hours(1, 35 * 24),
    names.DAG_BACK_UP: _hours(4, 14),
    names.DAG_RETENTION: _hours(2, 8),
    names.DAG_WATCH: _hours(0.25, 1),
}


def time_limits(dag_id: str) -> TimeLimits:
    """
    Return a DAG's limits, multiplied by ``TIMEOUT_SCALE``.

    DAG files are parsed often: the environment is read directly, which is faster than `Settings`.

    Raises
    ------
    FixSettingsError
        If ``TIMEOUT_SCALE`` is not a number above 0.
    KeyError
        If the DAG has no row in `LIMITS`.
    """
    text = os.environ.get(SCALE) or "1"
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise FixSettingsError(f"{SCALE} must be a number above 0, got {text!r}")
    limits = LIMITS[dag_id]
    return TimeLimits(limits.task * scale, limits.run * scale)
