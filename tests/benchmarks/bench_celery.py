"""
A year of monthly models on one and on two Celery workers, beside the LocalExecutor.

    python -m tests.benchmarks.bench_celery [--months 12] [--questions-per-month 400]

Two stacks are started from nothing: one with the LocalExecutor, one with two Celery workers, of
which one is then stopped. Texts and counts are prepared first. `stability_month` is backfilled
twice for each: without models and rows; and once more as it stands, when each task finds that
nothing is to be done. Each Celery worker runs one task at a time, so that two workers are twice as
many tasks; the LocalExecutor runs as many as the pool of trainings has slots. Every question's
outcome must be the same on all three. Of the machine's cores, PostgreSQL, MLflow and Airflow take
their part. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from include.jobs.data.features import load_labelled
from include.local_stack.layout import worker_name
from include.local_stack.machine import LoadMeter, available_cores
from include.local_stack.progress import Steps
from include.local_stack.supervisor import Supervisor
from include.months import add_months, month_of, months_between
from include.names import STUDY_CANDIDATES
from tests.benchmarks.bench_year import same, write_simulated
from tests.benchmarks.drift_real import read_questions
from tests.benchmarks.year_stack import Backfilled, YearStack, year_stack

WORKERS = (0, 1, 2)
"""0 is the LocalExecutor."""
MONTHS_BEFORE = 12
"""Training months of the first model."""
AT_ONCE = 4
CANDIDATES = STUDY_CANDIDATES[:1]


@dataclass(frozen=True)
class Measured:
    """
    What one number of workers took.

    Parameters
    ----------
    warm : Backfilled
        Models fitted and tested; texts and counts were there.
    nothing : Backfilled
        Each task found that nothing was to be done.
    pairs : dict
        Every question's outcome, by pair of months.
    """

    warm: Backfilled
    nothing: Backfilled
    pairs: dict[Any, Any]


def measure(stack: YearStack, first: str, last: str) -> Measured:
    """Backfill without models and rows, and again as it stands."""
    stack.reset(caches=False)
    warm = stack.backfill(first, last, CANDIDATES, at_once=AT_ONCE)
    nothing = stack.backfill(first, last, CANDIDATES, at_once=AT_ONCE)
    (pairs,) = stack.pairs().values()
    return Measured(warm, nothing, pairs)


def name_of(workers: int) -> str:
    """Return the name of a line."""
    return {0: "LocalExecutor", 1: "1 Celery worker"}.get(workers, f"{workers} Celery workers")


def table_of(measured: dict[int, Measured], months: int) -> Table:
    """Return the figures as a table."""
    columns = ("seconds", "task, s", "overhead a task, s", "nothing to do: a task, s", "peak, MB")
    table = Table("", *columns, title=f"{months} months, {', '.join(CANDIDATES)}")
    for workers, found in sorted(measured.items()):
        table.add_row(
            name_of(workers),
            f"{found.warm.seconds:.1f}",
            f"{found.warm.task_s:.2f}",
            f"{found.warm.overhead_s:.2f}",
            f"{found.nothing.overhead_s + found.nothing.task_s:.2f}",
            f"{found.warm.peak_mb:,.0f}",
        )
    return table


def figures(measured: dict[int, Measured]) -> dict[str, Any]:
    """Return the keys that the last line promises."""
    local, one, two = (measured[workers] for workers in WORKERS)
    identical = all(same(found.pairs, local.pairs) for found in (one, two))

    def empty_task_s(found: Measured) -> float:
        return found.nothing.overhead_s + found.nothing.task_s

    return {
        "speedup_two_workers": round(one.warm.seconds / two.warm.seconds, 2),
        "celery_over_local_empty_task": round(empty_task_s(one) / empty_task_s(local), 2),
        "empty_task_s": {
            name_of(n): round(empty_task_s(f), 2) for n, f in sorted(measured.items())
        },
        "seconds": {name_of(n): round(f.warm.seconds, 1) for n, f in measured.items()},
        "warm": {name_of(n): asdict(f.warm) for n, f in measured.items()},
        "identical": identical,
        "cores": available_cores(),
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench_celery", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--months", type=int, default=12, help="months studied")
    parser.add_argument("--questions-per-month", type=int, default=400)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parse(arguments)
    logging.basicConfig(level=logging.WARNING)
    # What else the stack would train by itself is none of the study's
    os.environ |= {"RETRAINING_POLICY": "on_drift", "CELERY_CONCURRENCY": "1"}
    console, meter, measured = Console(stderr=True), LoadMeter(), {}
    with tempfile.TemporaryDirectory(prefix="tagkeeper-celery-") as work:
        data = Path(work) / "simulated.jsonl.gz"
        write_simulated(data, MONTHS_BEFORE + asked.months, asked.questions_per_month)
        questions = read_questions(data)
        last = max(month_of(question.asked_at) for question in questions)
        first = add_months(last, 1 - asked.months)
        site, begin = questions[0].site, min(month_of(question.asked_at) for question in questions)
        for executor, started in (("local", 0), ("celery", 2)):
            local = Path(work) / executor
            with year_stack(
                *(local, data, site, Steps(console), console.log), celery_workers=started
            ) as stack:
                load_labelled(stack.engine, site, begin, last)
                for workers in dict.fromkeys((started, min(started, 1))):
                    if workers < started:
                        Supervisor(local).stop_processes([worker_name(started)], timeout_s=60)
                    console.log(f"{name_of(workers)}. {meter.measure()}")
                    measured[workers] = measure(stack, first, last)
    console.print(table_of(measured, len(months_between(first, last))))
    result = figures(measured)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["identical"] else 1


if __name__ == "__main__":
    sys.exit(main())
