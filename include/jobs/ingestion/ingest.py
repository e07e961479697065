"""
Ingest months without Airflow, waiting where the site asks for it.

``python -m include.jobs.ingestion.ingest --month 2024-01 --to 2024-12`` does the work of the DAG
`ingest_questions`.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from include.errors import FixInputError, RetryLaterError, TagkeeperError
from include.jobs.ingestion.month_ingest import Ingest
from include.months import month_range, months_between
from include.settings import Settings
from include.store.windows import Window

log = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 300
"""The command waits this long by itself when the site asks for it, and stops when it is longer."""

EXIT_TRY_LATER: Final = 75
"""sysexits.h's EX_TEMPFAIL: run the same command again later, it goes on where it stopped."""


def ingest_month(
    ingest: Ingest, month: str, on_page: Callable[[Window], None] | None = None
) -> dict[str, Any]:
    """Do the whole of one month, one window after another; return what `check_month` returns."""
    for window in ingest.plan_windows(month):
        _fetch_patiently(ingest, window, on_page)
    return ingest.check_month(month)


def _fetch_patiently(
    ingest: Ingest, window: Mapping[str, str], on_page: Callable[[Window], None] | None
) -> None:
    """Fetch a window, waiting when told to, unless for long or again without a page between."""
    moved = True

    def note(state: Window) -> None:
        nonlocal moved
        moved = True
        if on_page:
            on_page(state)

    while True:
        try:
            ingest.fetch_window(window, note)
            return
        except RetryLaterError as error:
            if error.retry_after_s > LONGEST_WAIT_S or not moved:
                raise
            moved = False
            log.warning("%s; waiting %.0f s", error, error.retry_after_s)
            time.sleep(error.retry_after_s)


def _ingest_with_bar(ingest: Ingest, month: str, progress: Progress) -> int:
    """Ingest a month while its bar follows the cursor; return how many questions it holds."""
    start, end = month_range(month)
    whole = (end - start).total_seconds()
    bar = progress.add_task(month, total=whole, questions=0)
    counts: dict[datetime, int] = {}

    def show(window: Window) -> None:
        counts[window.start] = window.fetched_count
        reached = (window.resume_at - start).total_seconds()
        progress.update(bar, completed=reached, questions=sum(counts.values()))

    count = int(ingest_month(ingest, month, show)["questions"])
    progress.update(bar, completed=whole, questions=count)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """Ingest the months of the command line; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.ingestion.ingest",
        description="Fetch, store and check questions month by month. Settings come from the "
        "environment: DATABASE_URL, SITE, STACKEXCHANGE_API_URL, STACKEXCHANGE_KEY and others.",
        epilog=f"Exit code: 0 done, 1 failed, {EXIT_TRY_LATER} the site asks to come back later "
        "(the same command then goes on where it stopped).",
    )
    parser.add_argument("--month", required=True, help="first month, YYYY-MM")
    parser.add_argument("--to", default="", help="last month, YYYY-MM; the first if left out")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    console = Console(stderr=True)
    try:
        months = months_between(asked.month, asked.to or asked.month)
        if not months:
            raise FixInputError(f"--to {asked.to} lies before --month {asked.month}")
        ingest = Ingest.from_settings(Settings.from_env())
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[questions]:,} questions"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console) as progress:
            count = sum(_ingest_with_bar(ingest, month, progress) for month in months)
    except RetryLaterError as error:
        console.print(f"[yellow]{error}[/]\nRun the same command again later: it goes on there.")
        return EXIT_TRY_LATER
    except TagkeeperError as error:
        console.print(f"[red]{error}[/]")
        return 1
    console.print(f"{count:,} questions stored in {len(months)} months")
    return 0


if __name__ == "__main__":
    sys.exit(main())
