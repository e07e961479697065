"""
Ingest months without Airflow; wait when the site asks for it.

``python -m include.jobs.ingestion.ingest --month 2024-01 --to 2024-12`` does the same as the DAG
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
from include.jobs.ingestion.month_ingest import MonthIngestion
from include.months import month_range, months_between
from include.settings import Settings
from include.store.windows import Window

log = logging.getLogger(__name__)

MAX_WAIT_S: Final = 300
"""Longest wait that the site may ask for; the command stops if it asks for more."""

EXIT_TRY_LATER: Final = 75
"""EX_TEMPFAIL of sysexits.h: run the same command again later to resume."""


def ingest_month(
    ingest: MonthIngestion, month: str, on_page: Callable[[Window], None] | None = None
) -> dict[str, Any]:
    """Ingest one month, one window after another; return what `check_month` returns."""
    for window in ingest.plan_windows(month):
        _fetch_with_waits(ingest, window, on_page)
    return ingest.check_month(month)


def _fetch_with_waits(
    ingest: MonthIngestion, window: Mapping[str, str], on_page: Callable[[Window], None] | None
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


def _ingest_with_bar(ingest: MonthIngestion, month: str, progress: Progress) -> int:
    """Ingest a month with a progress bar; return its number of questions."""
    start, end = month_range(month)
    total_s = (end - start).total_seconds()
    bar = progress.add_task(month, total=total_s, questions=0)
    counts: dict[datetime, int] = {}

    def show(window: Window) -> None:
        counts[window.start] = window.fetched_count
        reached = (window.resume_at - start).total_seconds()
        progress.update(bar, completed=reached, questions=sum(counts.values()))

    count = int(ingest_month(ingest, month, show)["questions"])
    progress.update(bar, completed=total_s, questions=count)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """Ingest the months of the command line; return the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.ingestion.ingest",
        description="Fetch, store and check questions month by month. Settings come from the "
        "environment: DATABASE_URL, SITE, STACKEXCHANGE_API_URL, STACKEXCHANGE_KEY and others.",
        epilog=f"Exit code: 0 done, 1 failed, {EXIT_TRY_LATER} the site asks to try again later "
        "(the same command then resumes where it stopped).",
    )
    parser.add_argument(
        "--month",
        default="",
        help="first month, YYYY-MM; default: the latest that is over and not stored",
    )
    parser.add_argument("--to", default="", help="last month, YYYY-MM; default: the first")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    console = Console(stderr=True)
    try:
        if args.to and not args.month:
            raise FixInputError("--to needs --month")
        if args.month and not months_between(args.month, args.to or args.month):
            raise FixInputError(f"--to {args.to} is before --month {args.month}")
        ingest = MonthIngestion.from_settings(Settings.from_env())
        first = args.month or ingest.latest_missing_month()
        if first is None:
            console.print("Every month since the first stored one is stored; name another one.")
            return 0
        months = months_between(first, args.to or first)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[questions]:,} questions"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console) as progress:
            count = sum(_ingest_with_bar(ingest, month, progress) for month in months)
    except RetryLaterError as error:
        console.print(f"[yellow]{error}[/]\nRun the same command again later to resume.")
        return EXIT_TRY_LATER
    except TagkeeperError as error:
        console.print(f"[red]{error}[/]")
        return 1
    named = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    console.print(f"{count:,} questions stored in {len(months)} months ({named})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
