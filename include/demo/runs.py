"""Airflow backfills and runs of the stages, with a progress bar until they end."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include import names
from include.demo.context import Demo
from include.local_stack.airflow_api import DagRun, TaskRun
from include.local_stack.progress import Step

_DONE: Final = {"success", "skipped"}


def backfill(demo: Demo, title: str, dag_id: str, months: Sequence[str]) -> list[DagRun]:
    """Run a DAG over months, first to last, and return its runs, all of them successful."""

    def report(runs: list[DagRun]) -> None:
        done = sum(run.ended for run in runs)
        busy = ", ".join(run.month or "" for run in runs if run.state == "running")
        step.show(busy or "waiting", done=done, total=len(months))

    with demo.steps.step(title) as step:
        demo.airflow.begin_backfill(dag_id, months[0], months[-1])
        return demo.airflow.wait_for_backfill(dag_id, months[0], months[-1], report=report)


def ingest(demo: Demo, month: str) -> None:
    """Fetch one month of questions over HTTP, by a manual run."""
    run(demo, f"{month} ingested", names.DAG_INGEST, {"month": month}, f"demo: {month}")


def run(demo: Demo, title: str, dag_id: str, conf: Mapping[str, Any], note: str) -> str:
    """Start a manual run, wait until it succeeds, and return its id."""
    with demo.steps.step(title) as step:
        run_id = demo.airflow.trigger(dag_id, conf, note=note)
        _follow(demo, step, dag_id, run_id)
    return run_id


def follow(demo: Demo, title: str, dag_id: str, run_id: str) -> None:
    """Wait until a run that another DAG has started succeeds."""
    with demo.steps.step(title) as step:
        _follow(demo, step, dag_id, run_id)


def _follow(demo: Demo, step: Step, dag_id: str, run_id: str) -> None:
    def report(tasks: list[TaskRun]) -> None:
        done = sum(task.state in _DONE for task in tasks)
        busy = ", ".join(dict.fromkeys(task.task_id for task in tasks if task.state == "running"))
        step.show(busy or "waiting", done=done, total=max(1, len(tasks)))

    demo.airflow.wait_for_run(dag_id, run_id, report=report)


def train(demo: Demo, month: str, candidates: Sequence[str], reason: str) -> None:
    """Train candidates, tested on ``month``; the gate decides about the champion."""
    conf = {"test_month": month, "candidates": list(candidates), "reason": reason}
    title = f"Training of {', '.join(candidates)}, tested on {month}"
    run(demo, title, names.DAG_TRAIN, conf, reason)
