"""
How long a year of monthly models takes through Airflow, beside a plain loop in the same run.

    python -m tests.benchmarks.bench_year [--data FILE.jsonl.gz] [--from 2019-01] [--to 2019-12]

The loop does for each month what the brief describes: clean everything again, embed and fit
everything again, test this month's model and all earlier ones. Then `stability_month` is backfilled
over the same months on the real local stack, cold (no prepared text, no vector, no model) and warm
(texts and vectors kept; models, rows and runs removed), and once without Airflow. Every question's
outcome must be the same for every pair of months.

With a candidate that embeds, what the caches save shows; with ``--candidate tfidf``, the default of
the DAG, what Airflow costs. Both are measured. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from include.candidates.encoders import encoder_factory
from include.evaluation.metrics import QuestionScores
from include.jobs.ingestion.file_check import covered_time
from include.local_stack.progress import Steps
from include.months import add_months, check_month, month_of, month_start, months_between
from include.names import CANDIDATES, STUDY_CANDIDATES
from include.questions import Question
from include.sandbox.simulator import simulate
from include.settings import Settings
from tests.benchmarks.drift_real import read_questions
from tests.benchmarks.year_loop import Looped, run_loop
from tests.benchmarks.year_stack import Backfilled, YearStack, year_stack

MONTHS = 12
GROWTH = (6, 12, 24)
WITH_VECTORS = ("tfidf", "bert")


def same(ours: dict[Any, QuestionScores], loops: dict[Any, QuestionScores]) -> bool:
    """Whether both have the same pairs, and every question came out alike in each."""
    return ours.keys() == loops.keys() and all(
        np.array_equal(getattr(ours[pair], part), getattr(loops[pair], part))
        for pair in loops
        for part in ("found", "true_count", "reachable_count")
    )


def of_whole_months(questions: Sequence[Question]) -> list[Question]:
    """Return those from which the platform learns: none of a month that the file begins within."""
    start, _ = covered_time(
        questions[0].asked_at, questions[-1].asked_at, None, from_the_beginning=False
    )
    return [each for each in questions if month_start(month_of(each.asked_at)) >= start]


def months_that_grow(questions: Sequence[Question], last: str) -> list[tuple[str, str]]:
    """Return the periods of each length that end with ``last`` and have months before them."""
    first = min(month_of(each.asked_at) for each in questions)
    periods = [(add_months(last, 1 - count), last) for count in GROWTH]
    return [period for period in periods if period[0] > add_months(first, 2)]


def measure(
    stack: YearStack,
    period: tuple[str, str],
    candidates: Sequence[str],
    loop: Looped,
    grown: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Backfill cold and warm, without Airflow, and over other lengths; compare with the loop."""
    done: dict[str, Any] = {}
    stack.reset(caches=True)
    done["cold"] = stack.backfill(*period, candidates)
    found = stack.pairs()
    stack.reset(caches=False)
    done["warm"] = stack.backfill(*period, candidates)
    again = stack.pairs()
    done["identical"] = all(
        same(found[name], loop.pairs[name]) and same(again[name], loop.pairs[name])
        for name in candidates
    )
    stack.reset(caches=False)
    done["in one process, warm"] = stack.in_one_process(*period, candidates)
    for first, last in grown:
        stack.reset(caches=False)
        count = len(months_between(first, last))
        done[f"{count} months, warm"] = stack.backfill(first, last, candidates)
    return done


def show(
    console: Console, title: str, loop_s: float, done: dict[str, Any], months: int
) -> dict[str, float]:
    """Print a table; return the seconds of each line."""
    table = Table("", "seconds", "a month", "tasks", "overhead a task, s", "task, s", "peak, MB")
    table.title = title
    seconds = {"loop": loop_s}
    table.add_row("plain loop", f"{loop_s:.1f}", f"{loop_s / months:.1f}", "", "", "", "")
    for name, line in done.items():
        if isinstance(line, Backfilled):
            count = int(name.split()[0]) if name.endswith("months, warm") else months
            seconds[name] = line.seconds
            table.add_row(
                f"Airflow, {name}",
                f"{line.seconds:.1f}",
                f"{line.seconds / count:.1f}",
                str(line.tasks),
                f"{line.overhead_s:.2f}",
                f"{line.task_s:.2f}",
                f"{line.peak_mb:,.0f}",
            )
        elif name != "identical":
            seconds[name] = line
            table.add_row(name, f"{line:.1f}", f"{line / months:.1f}", "", "", "", "")
    console.print(table)
    return {name: round(value, 1) for name, value in seconds.items()}


def figures(seconds: dict[str, float], identical: bool) -> dict[str, Any]:
    """Return the keys that the last line promises."""
    return {
        "warm_ratio": round(seconds["loop"] / seconds["warm"], 3),
        "cold_ratio": round(seconds["loop"] / seconds["cold"], 3),
        "seconds": seconds,
        "identical": identical,
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench_year", description=(__doc__ or "").split("\n\n")[0]
    )
    environment = os.environ.get
    parser.add_argument("--data", default=environment("DATA") or None, help="JSON lines, gzipped")
    parser.add_argument("--site", default=environment("SITE") or None)
    parser.add_argument("--from", dest="first", default=environment("FROM") or None)
    parser.add_argument("--to", dest="last", default=environment("TO") or None)
    parser.add_argument(
        "--candidate", action="append", choices=CANDIDATES, help="tfidf and bert if left out"
    )
    parser.add_argument("--no-growth", action="store_true", help="leave 6 and 24 months out")
    return parser.parse_args(arguments)


def write_simulated(path: Path, months: int = 30, questions_per_month: int = 100) -> None:
    """Write the simulator's questions as the JSON lines that the sandbox serves."""
    import gzip

    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for each in simulate(months=months, questions_per_month=questions_per_month).questions:
            row = {
                "id": each.question_id,
                "creation_date": each.asked_at.isoformat(),
                "title": each.title,
                "body": each.body_html,
                "tags": list(each.tags),
                "score": each.score,
                "answer_count": each.answer_count,
                "view_count": each.view_count,
                "site": each.site,
            }
            lines.write(json.dumps(row) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parse(arguments)
    logging.basicConfig(level=logging.WARNING)
    # what else the stack would train by itself is none of the year's
    os.environ["RETRAINING_POLICY"] = "on_drift"
    console = Console(stderr=True)
    candidates = tuple(asked.candidate or WITH_VECTORS)
    default = tuple(name for name in STUDY_CANDIDATES[:1] if name in candidates)
    with tempfile.TemporaryDirectory(prefix="tagkeeper-year-") as work:
        data = Path(asked.data).resolve() if asked.data else Path(work) / "simulated.jsonl.gz"
        if not asked.data:
            write_simulated(data)
        questions = sorted(read_questions(data), key=lambda q: (q.asked_at, q.question_id))
        last = check_month(asked.last or month_of(questions[-1].asked_at))
        period = (check_month(asked.first or add_months(last, 1 - MONTHS)), last)
        months = months_between(*period)
        settings = Settings.from_env()
        encoders = encoder_factory(settings.bert_model)
        loop = run_loop(
            of_whole_months(questions),
            months,
            candidates,
            encoders,
            settings.min_tag_count,
            console.log,
        )
        grown = [] if asked.no_growth else months_that_grow(questions, last)
        grown = [each for each in grown if each != period]
        local = Path(work) / "local"
        site = asked.site or questions[0].site
        with year_stack(local, data, site, Steps(console), console.log) as stack:
            results = {
                chosen: measure(stack, period, chosen, loop, grown)
                for chosen in dict.fromkeys((candidates, default))
                if chosen
            }
    lines = {}
    for chosen, done in results.items():
        title = f"{', '.join(chosen)}: {period[0]} to {period[1]} of {site}"
        seconds = show(console, title, loop.total(months, chosen), done, len(months))
        lines[chosen] = figures(seconds, done["identical"])
    result = {"candidates": list(candidates), "months": len(months), **lines[candidates]}
    if default and default != candidates:
        result["default_candidates"] = {"candidates": list(default), **lines[default]}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if all(line["identical"] for line in lines.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
