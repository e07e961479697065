"""F1 that came true beside the F1 that hourly checks estimated; the DAG `monitor_predictions`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from include.evaluation.refreshes import LABEL_DELAY
from include.settings import Settings
from include.store.drift import judge_estimates
from include.store.engine import process_engine

log = logging.getLogger(__name__)

SETTLED_AFTER: Final = timedelta(days=47)
"""Its month ends up to 31 days after an hour; tags are read again within 16 more."""
HOURS_AT_ONCE: Final = 48
"""An hourly run has two to read; more after a pause."""


def judge_hourly_estimates(settings: Settings, now: datetime | None = None) -> int:
    """
    Write what came true into the hourly reports whose true tags should be known by now.

    Parameters
    ----------
    settings : Settings
    now : datetime, optional
        Aware; default: the current time.

    Returns
    -------
    int
        Reports that were written to, `HOURS_AT_ONCE` at most; a repeated call writes to none.
    """
    with process_engine(settings.require_database_url()).begin() as connection:
        judged = judge_estimates(
            connection,
            settings.site,
            now or datetime.now(UTC),
            known_after=LABEL_DELAY,
            settled_after=SETTLED_AFTER,
            count=HOURS_AT_ONCE,
        )
    log.info("read the true tags of %d hours whose F1 was estimated", len(judged))
    return len(judged)
