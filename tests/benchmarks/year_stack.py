"""The real local stack for bench-year: filled, reset to cold or warm, and asked for months."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, text

from include import names
from include.demo.resources import peak_memory
from include.errors import CheckFailedError
from include.evaluation.metrics import QuestionScores
from include.jobs.ingestion.import_file import import_file
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.options import StackOptions
from include.local_stack.progress import Steps
from include.local_stack.stack import down, up
from include.local_stack.state import read_environment
from include.months import months_between
from include.store.engine import make_engine
from include.store.stability import read_pairs

CACHES = "TRUNCATE prepared_texts, embeddings, month_shards, stored_months"
ROWS = "TRUNCATE stability_studies, evaluations, datasets CASCADE"

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Backfilled:
    """
    One backfill.

    Parameters
    ----------
    seconds : float
        From when its first run was queued to the end of its last one.
    tasks : int
    overhead_s : float
        What a run takes beyond its tasks, per task: the scheduler's looks and the start of processes.
    task_s : float
        Mean time of a task, its imports included.
    peak_mb : float
        Memory of the whole stack, each shared page counted once.
    """

    seconds: float
    tasks: int
    overhead_s: float
    task_s: float
    peak_mb: float


class YearStack:
    """
    A running stack with a file's questions in its database.

    Parameters
    ----------
    local : Path
        Folder of its state.
    data : Path
        JSON lines.
    site : str
    advance : callable
        Told what happens.
    """

    def __init__(self, local: Path, data: Path, site: str, advance: Callable[[str], None]) -> None:
        self._local = local
        self._advance = advance
        self.environment = read_environment(local)
        self.engine: Engine = make_engine(self.environment["DATABASE_URL"])
        self._airflow = LocalAirflow.from_environment(self.environment)
        self._airflow.wait_for_dag(names.DAG_STABILITY)
        advance(f"{import_file(self.engine, data, site=site).questions} questions stored")

    def reset(self, *, caches: bool) -> None:
        """Remove models, rows and runs; and, if asked, prepared texts and vectors too."""
        from mlflow import MlflowClient

        with self.engine.begin() as connection:
            connection.execute(text(ROWS))
            if caches:
                connection.execute(text(CACHES))
        client = MlflowClient(tracking_uri=self.environment["MLFLOW_TRACKING_URI"])
        if known := client.get_experiment_by_name(names.EXPERIMENT_STABILITY):
            while runs := client.search_runs([known.experiment_id], max_results=1000):
                for run in runs:
                    client.delete_run(run.info.run_id)
        shutil.rmtree(self._local / "stability", ignore_errors=True)

    def backfill(
        self, first: str, last: str, candidates: Sequence[str], *, at_once: int = 2
    ) -> Backfilled:
        """Ask Airflow for the months; return what they took when all have ended well."""
        asked_at = datetime.now(UTC)
        with peak_memory(self._local) as looks:
            self._airflow.begin_backfill(
                names.DAG_STABILITY,
                first,
                last,
                at_once=at_once,
                conf={"candidates": list(candidates)},
            )
            count = len(months_between(first, last))
            shown = [0]

            def report(runs: list[Any]) -> None:
                ended = sum(run.ended for run in runs)
                if ended > shown[0]:
                    shown[0] = ended
                    self._advance(f"backfill of {', '.join(candidates)}: {ended} of {count} months")

            time.sleep(1)  # its runs are made after the answer
            runs = self._airflow.wait_for_backfill(names.DAG_STABILITY, first, last, report=report)
        took, overhead = [], 0.0
        answers = [self._run(run.run_id) for run in runs]
        queued = min(datetime.fromisoformat(answer["queued_at"]) for answer in answers)
        ended = max(datetime.fromisoformat(answer["end_date"]) for answer in answers)
        if queued < asked_at or len(runs) != count:
            raise CheckFailedError(f"{len(runs)} runs, some of them of an earlier backfill")
        for run, answer in zip(runs, answers, strict=True):
            spans = [_span_of(answer), *self._task_spans(run.run_id)]
            whole, *parts = [(end - start).total_seconds() for start, end in spans]
            took += parts
            overhead += whole - sum(parts)
        return Backfilled(
            seconds=(ended - queued).total_seconds(),
            tasks=len(took),
            overhead_s=overhead / len(took),
            task_s=float(np.mean(took)),
            peak_mb=max(looks, default=float("nan")),
        )

    def pairs(self) -> dict[str, dict[tuple[str, str], QuestionScores]]:
        """Return what each candidate's models answered, as stored."""
        with self.engine.connect() as connection:
            studies = connection.execute(text("SELECT study_id, candidate FROM stability_studies"))
            return {
                row.candidate: {
                    pair: answers.scores
                    for pair, answers in read_pairs(
                        self.engine, row.study_id, "0000-00", "9999-99"
                    ).items()
                }
                for row in studies.all()
            }

    def in_one_process(self, first: str, last: str, candidates: Sequence[str]) -> float:
        """Do the same without Airflow; return the seconds of the command."""
        asked = [word for name in candidates for word in ("--candidate", name)]
        begun = time.perf_counter()
        subprocess.run(
            [
                *(sys.executable, "-m", "include.cli", "stability"),
                "--from",
                first,
                "--to",
                last,
                *asked,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | self.environment,
        )
        return time.perf_counter() - begun

    def _run(self, run_id: str) -> dict[str, Any]:
        return self._airflow.call("GET", f"/dags/{names.DAG_STABILITY}/dagRuns/{run_id}")

    def _task_spans(self, run_id: str) -> list[Span]:
        answer = self._airflow.call(
            "GET", f"/dags/{names.DAG_STABILITY}/dagRuns/{run_id}/taskInstances"
        )
        return [_span_of(task) for task in answer["task_instances"]]


def _span_of(answer: dict[str, Any]) -> Span:
    """Return when a run or a task started and ended."""
    return datetime.fromisoformat(answer["start_date"]), datetime.fromisoformat(answer["end_date"])


@contextmanager
def year_stack(
    local: Path,
    data: Path,
    site: str,
    steps: Steps,
    advance: Callable[[str], None],
    *,
    celery_workers: int = 0,
) -> Iterator[YearStack]:
    """Start the stack, fill it, and stop it at the end whatever happens."""
    given = {"DATA": str(data), "SITE": site, "CELERY_WORKERS": str(celery_workers)}
    up(local, StackOptions.from_mapping(given), None, steps)
    try:
        yield YearStack(local, data, site, advance)
    finally:
        down(local, steps)
