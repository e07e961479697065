"""The chapters of the demo: each does its part through the platform's own doors and verifies it."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from include import names
from include.demo import runs
from include.demo.asking import ask, live_version, steady_traffic, wait_for_version
from include.demo.drift import watch_drift
from include.demo.load import stack_memory_mb
from include.demo.span import read_span
from include.demo.stored import (
    candidate_figures,
    champion_promotion,
    verify_months,
    wait_until_recorded,
)
from include.demo.story import Chapter, Story
from include.demo.year import look_back
from include.errors import CheckFailedError, FixSettingsError
from include.local_stack import stack
from include.local_stack.status import stack_status
from include.months import month_range
from include.sources.stackexchange_api import StackExchangeClient

ASKED: Final = 25
FOLLOW_S: Final = 5.0
_DAG_TIMEOUT_S: Final = 120.0
_SPARE_S: Final = 10.0


def set_up(story: Story) -> dict[str, Any]:
    """Start the whole platform from nothing."""
    stack.down(story.local, story.steps)
    _clear(story.local)
    # The sandbox has no quota to spare: one window a month makes fewer tasks
    os.environ.setdefault("INGEST_WINDOW_DAYS", "31")
    stack.up(story.local, story.choice, database_url=None, steps=story.steps)
    with story.steps.step("Airflow knows the DAGs"):
        story.connect(read_span)
        for dag_id in (names.DAG_INGEST, names.DAG_TRAIN, names.DAG_MONITOR_DRIFT):
            story.airflow.wait_for_dag(dag_id, _DAG_TIMEOUT_S)
    if story.settings.retraining_policy != "on_drift":
        with story.steps.step("The schedule's first training, skipped while nothing is stored"):
            # Left to itself, it might find the first two months and train every candidate on them
            story.airflow.wait_for_scheduled(names.DAG_TRAIN, _DAG_TIMEOUT_S)
    memory = stack_memory_mb(story.local)
    story.steps.note(f"All of it takes {memory:,.0f} MB at rest.")
    return {"site": story.site, "memory_mb": {"at_rest": round(memory)}}


def _clear(local: Path) -> None:
    """Remove an earlier demo's state; refuse a folder that holds anything else."""
    kept = [path for path in local.iterdir() if path.name != "lock"] if local.exists() else []
    if kept and not (local / "state.json").exists():
        raise FixSettingsError(
            f"LOCAL_DIR={local} holds something else than a stack: the demo does not clear it"
        )
    for path in kept:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def ingest(story: Story) -> dict[str, Any]:
    """Pull more than a year of questions over HTTP, by an Airflow backfill."""
    months = story.span.first_months
    started = time.monotonic()
    title = f"Backfill of {len(months)} months, {months[0]} to {months[-1]}"
    runs.backfill(story, title, names.DAG_INGEST, months)
    seconds = time.monotonic() - started
    questions = verify_months(story.engine, story.site, months)
    story.steps.note(
        f"{questions:,} questions of {story.site} in PostgreSQL, as many as the site gave; "
        f"{questions / seconds:,.0f} a second with everything around them."
    )
    return {
        "questions": questions,
        "months": len(months),
        "first_month": months[0],
        "last_month": months[-1],
        "rows_per_s": round(questions / seconds, 1),
    }


def first_champion(story: Story) -> dict[str, Any]:
    """Train the floor, which becomes the first champion, and see the service take it up."""
    month = story.span.first_months[-1]
    if live_version(story.service_url) is not None:
        raise CheckFailedError("the service has a champion before any was trained")
    runs.train(story, month, ["frequency"], "demo: the floor that every other candidate must beat")
    promotion = champion_promotion(story.engine)
    waited = wait_for_version(story.service_url, promotion.to_version, FOLLOW_S + _SPARE_S)
    story.steps.note(
        f"Version {promotion.to_version} is champion: {promotion.reason} "
        f"The service had it {waited:.1f} s after the run ended."
    )
    return {"first_champion_version": promotion.to_version}


def ask_for_tags(story: Story) -> dict[str, Any]:
    """Ask the service about questions that came after its training, and find the record."""
    since = datetime.now(UTC)
    month = story.span.next_month
    client = StackExchangeClient(
        api_url=story.environment["STACKEXCHANGE_API_URL"], site=story.site
    )
    page = next(iter(client.pages(*month_range(month))))
    story.next_questions = page.questions[:ASKED]
    with story.steps.step(f"{len(story.next_questions)} questions of {month} asked") as step:
        answers = []
        for number, question in enumerate(story.next_questions, start=1):
            answers.append(ask(story.service_url, question))
            step.show(question.title[:40], done=number, total=len(story.next_questions))
    waited = wait_until_recorded(story.engine, answers, since)
    story.answers = tuple(answers)
    story.steps.note(
        f"{len(answers)} answers, each found once in PostgreSQL under its prediction_id, "
        f"{waited:.1f} s after the last."
    )
    return {"predictions_recorded": len(answers)}


def train_again(story: Story) -> dict[str, Any]:
    """Ingest the next month, train every candidate, and see the service change over at work."""
    month, since = story.span.next_month, datetime.now(UTC)
    runs.ingest(story, month)
    known = (*story.span.first_months, month)
    questions = verify_months(story.engine, story.site, known)
    before, service = champion_promotion(story.engine), _service_pid(story)
    with steady_traffic(story.service_url, story.next_questions) as traffic:
        runs.train(
            story, month, story.settings.candidate_names, "demo: every candidate, a month later"
        )
        promotion = champion_promotion(story.engine)
        if promotion.to_version == before.to_version:
            raise CheckFailedError(
                f"no candidate beat the champion, version {before.to_version}; the run's note in "
                "Airflow says why"
            )
        waited = wait_for_version(story.service_url, promotion.to_version, FOLLOW_S + _SPARE_S)
        again = [ask(story.service_url, question) for question in story.next_questions]
    _verify_change(story, before.to_version, promotion.to_version, traffic.failures, service)
    if {answer.model_version for answer in again[-5:]} != {promotion.to_version}:
        raise CheckFailedError("the service's answers do not bear the new version")
    answers = [*traffic.answers, *again]
    wait_until_recorded(story.engine, answers, since)
    figures = candidate_figures(story.engine, story.site, month)
    story.steps.note(
        f"Version {promotion.to_version} is champion: {promotion.reason} The service answered with "
        f"it {waited:.1f} s after the run ended, without a restart; {len(traffic.answers)} "
        "questions asked meanwhile, none failed."
    )
    return {
        "questions": questions,
        "months": len(known),
        "last_month": month,
        "candidates": figures,
        "champion_version": promotion.to_version,
        "predictions_recorded": story.figures["predictions_recorded"] + len(answers),
    }


def _service_pid(story: Story) -> int:
    return next(line.pid for line in stack_status(story.local) if line.name == "service")


def _verify_change(
    story: Story, before: str, after: str, failures: list[str], service: int
) -> None:
    if failures:
        raise CheckFailedError(
            f"{len(failures)} questions failed while the champion changed from version {before} "
            f"to {after}; the first: {failures[0]}"
        )
    if _service_pid(story) != service:
        raise CheckFailedError("the service was restarted while the champion changed")


CHAPTERS: Final = (
    Chapter("set_up", "The whole platform on this machine", set_up),
    Chapter("ingest", "More than a year of questions", ingest),
    Chapter("first_training", "A first champion", first_champion),
    Chapter("predictions", "Suggestions, asked for and recorded", ask_for_tags),
    Chapter("second_training", "A month later: a better champion, taken up at work", train_again),
    Chapter("drift", "Months go by: drift, a retraining, a mail", watch_drift),
    Chapter("year", "A year of monthly models looked back on", look_back),
)
