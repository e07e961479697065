"""
Ingest months without Airflow; wait when the site asks for it.

``tagkeeper ingest --month 2024-01 --to 2024-12`` does the same as the DAG
`ingest_questions`.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from include.errors import RetryLaterError
from include.jobs.ingestion.month_ingest import MonthIngestion, PlannedWindow
from include.store.windows import Window

log = logging.getLogger(__name__)

MAX_WAIT_S: Final = 300
"""Longest wait that the site may ask for; the command stops if it asks for more."""


def ingest_month(
    ingest: MonthIngestion, month: str, on_page: Callable[[Window], None] | None = None
) -> dict[str, Any]:
    """Ingest one month, one window after another; return what `check_month` returns."""
    for window in ingest.plan_windows(month):
        _fetch_with_waits(ingest, window, on_page)
    return ingest.check_month(month)


def _fetch_with_waits(
    ingest: MonthIngestion, window: PlannedWindow, on_page: Callable[[Window], None] | None
) -> None:
    """Fetch a window; wait if asked to, unless for too long or twice without a page in between."""
    progressed = True

    def report(state: Window) -> None:
        nonlocal progressed
        progressed = True
        if on_page:
            on_page(state)

    while True:
        try:
            ingest.fetch_window(window, report)
            return
        except RetryLaterError as error:
            if error.retry_after_s > MAX_WAIT_S or not progressed:
                raise
            progressed = False
            log.warning("%s; waiting %.0f s", error, error.retry_after_s)
            time.sleep(error.retry_after_s)
