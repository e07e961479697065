"""What the chapters ask of Airflow: backfills and runs, followed with a bar until they end."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include import names
from include.demo.story import Story
from include.local_stack.airflow_api import DagRun, TaskRun
from include.local_stack.progress import Step

_TIMEOUT_S: Final = 900.0
_DONE: Final = {"success", "skipped"}


def backfill(story: Story, title: str, dag_id: str, months: Sequence[str]) -> list[DagRun]:
    """Run a DAG over months, first to last, and return its runs; they have all ended well."""

    def report(runs: list[DagRun]) -> None:
        done = sum(run.ended for run in runs)
        busy = ", ".join(run.month or "" for run in runs if run.state == "running")
        step.show(busy or "waiting", done=done, total=len(months))

    with story.steps.step(title) as step:
        story.airflow.start_backfill(dag_id, months[0], months[-1])
        return story.airflow.wait_for_backfill(
            dag_id, months[0], months[-1], timeout_s=_TIMEOUT_S, report=report
        )


def ingest(story: Story, month: str) -> None:
    """Pull one month of questions over HTTP, by a run started by hand."""
    run(story, f"{month} ingested", names.DAG_INGEST, {"month": month}, f"demo: {month}")


def run(story: Story, title: str, dag_id: str, conf: Mapping[str, Any], note: str) -> str:
    """Start a run by hand, wait until it has ended well, and return its id."""
    with story.steps.step(title) as step:
        run_id = story.airflow.trigger(dag_id, conf, note=note)
        _follow(story, step, dag_id, run_id)
    return run_id


def follow(story: Story, title: str, dag_id: str, run_id: str) -> None:
    """Wait until a run that something else has started has ended well."""
    with story.steps.step(title) as step:
        _follow(story, step, dag_id, run_id)


def _follow(story: Story, step: Step, dag_id: str, run_id: str) -> None:
    def report(tasks: list[TaskRun]) -> None:
        done = sum(task.state in _DONE for task in tasks)
        busy = ", ".join(dict.fromkeys(task.task_id for task in tasks if task.state == "running"))
        step.show(busy or "waiting", done=done, total=max(1, len(tasks)))

    story.airflow.wait_for_run(dag_id, run_id, timeout_s=_TIMEOUT_S, report=report)


def train(story: Story, month: str, candidates: Sequence[str], reason: str) -> None:
    """Train candidates, tested on ``month``; the gate decides about the champion."""
    conf = {"test_month": month, "candidates": list(candidates), "reason": reason}
    title = f"Training of {', '.join(candidates)}, tested on {month}"
    run(story, title, names.DAG_TRAIN, conf, reason)
