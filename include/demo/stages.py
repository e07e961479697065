"""The stages of the demo: each uses the platform's own interfaces and verifies the result."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from include import names
from include.demo import runs
from include.demo.context import Demo, Stage
from include.demo.database_checks import (
    candidate_figures,
    champion_promotion,
    verify_months,
    wait_until_recorded,
)
from include.demo.demo_months import read_months
from include.demo.drift import watch_drift
from include.demo.resources import stack_memory_mb
from include.demo.service_client import (
    request_prediction,
    served_version,
    steady_traffic,
    wait_for_version,
)
from include.demo.watching import wait_for_targets
from include.demo.year import study_stability
from include.errors import CheckFailedError, FixSettingsError
from include.local_stack import stack
from include.local_stack.status import stack_status
from include.months import month_range
from include.sources.stackexchange_api import StackExchangeClient

QUESTIONS_ASKED: Final = 25


def set_up(demo: Demo) -> dict[str, Any]:
    """Start the whole platform from nothing."""
    stack.down(demo.local, demo.steps)
    clear_earlier_state(demo.local)
    # The sandbox has no quota to save: one window a month makes fewer tasks
    os.environ.setdefault("INGEST_WINDOW_DAYS", "31")
    stack.up(demo.local, demo.options, database_url=None, steps=demo.steps)
    with demo.steps.step("DAGs parsed by Airflow"):
        demo.connect(read_months)
        for dag_id in (names.DAG_INGEST, names.DAG_TRAIN, names.DAG_MONITOR_DRIFT):
            demo.airflow.wait_for_dag(dag_id)
    if targets := wait_for_targets(demo.local):
        demo.steps.note(f"Prometheus reads {targets} targets and evaluates the alert rules.")
    memory = stack_memory_mb(demo.local)
    demo.steps.note(f"The idle platform takes {memory:,.0f} MB.")
    return {"site": demo.site, "memory_mb": {"at_rest": round(memory)}}


_CACHES = {"drift", "logs", "memory", "models", "service-metrics", "service-secret", "stability"}
"""What a task, a test or a service of its own leaves in LOCAL_DIR and makes anew."""


def clear_earlier_state(local: Path) -> None:
    """Remove an earlier demo's state, but no backups; refuse a folder with other people's files."""
    kept = {"lock", "backups"}
    entries = [path for path in local.iterdir() if path.name not in kept] if local.exists() else []
    others = sorted({path.name for path in entries} - _CACHES)
    if others and not (local / "state.json").exists():
        raise FixSettingsError(
            f"LOCAL_DIR={local} holds other files than a stack's ({', '.join(others[:5])}): the "
            "demo does not delete them; move them away, or set LOCAL_DIR to another folder"
        )
    for path in entries:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def ingest(demo: Demo) -> dict[str, Any]:
    """Fetch more than a year of questions over HTTP, by an Airflow backfill."""
    months = demo.months.first_months
    started = time.monotonic()
    title = f"Backfill of {len(months)} months, {months[0]} to {months[-1]}"
    runs.backfill(demo, title, names.DAG_INGEST, months)
    seconds = time.monotonic() - started
    questions = verify_months(demo.engine, demo.site, months)
    demo.steps.note(
        f"{questions:,} questions of {demo.site} in PostgreSQL, as many as the site returned; "
        f"{questions / seconds:,.0f} a second, Airflow included."
    )
    return {
        "questions": questions,
        "months": len(months),
        "first_month": months[0],
        "last_month": months[-1],
        "rows_per_s": round(questions / seconds, 1),
    }


def first_champion(demo: Demo) -> dict[str, Any]:
    """Train the baseline, which becomes the first champion, and wait until the service uses it."""
    month = demo.months.first_months[-1]
    if served_version(demo.service_url) is not None:
        raise CheckFailedError("the service has a champion before one was trained")
    runs.train(demo, month, ["frequency"], "demo: the baseline that others must beat")
    promotion = champion_promotion(demo.engine)
    waited = wait_for_version(demo.service_url, promotion.to_version)
    demo.steps.note(
        f"Version {promotion.to_version} is champion: {promotion.reason} "
        f"The service had it {waited:.1f} s after the run ended."
    )
    return {"first_champion_version": promotion.to_version}


def request_predictions(demo: Demo) -> dict[str, Any]:
    """Request tags for questions newer than the training data, and verify what is recorded."""
    since = datetime.now(UTC)
    month = demo.months.next_month
    client = StackExchangeClient(api_url=demo.environment["STACKEXCHANGE_API_URL"], site=demo.site)
    page = next(iter(client.pages(*month_range(month))))
    demo.next_questions = page.questions[:QUESTIONS_ASKED]
    with demo.steps.step(f"{len(demo.next_questions)} questions of {month} asked") as step:
        answers = []
        for number, question in enumerate(demo.next_questions, start=1):
            answers.append(request_prediction(demo.service_url, question))
            step.show(question.title[:40], done=number, total=len(demo.next_questions))
    waited = wait_until_recorded(demo.engine, answers, since)
    demo.answers = tuple(answers)
    demo.steps.note(
        f"{len(answers)} answers, each found once in PostgreSQL under its prediction_id, "
        f"{waited:.1f} s after the last."
    )
    return {"predictions_recorded": len(answers)}


def train_again(demo: Demo) -> dict[str, Any]:
    """Ingest the next month, train every candidate, and verify that the service switches live."""
    month, since = demo.months.next_month, datetime.now(UTC)
    runs.ingest(demo, month)
    known = (*demo.months.first_months, month)
    questions = verify_months(demo.engine, demo.site, known)
    before, service = champion_promotion(demo.engine), _service_pid(demo)
    with steady_traffic(demo.service_url, demo.next_questions) as traffic:
        runs.train(
            demo, month, demo.settings.candidate_names, "demo: every candidate, a month later"
        )
        promotion = champion_promotion(demo.engine)
        if promotion.to_version == before.to_version:
            raise CheckFailedError(
                f"no candidate beat the champion, version {before.to_version}; the run's note in "
                "Airflow says why"
            )
        waited = wait_for_version(demo.service_url, promotion.to_version)
        after = [request_prediction(demo.service_url, question) for question in demo.next_questions]
    _verify_change(demo, before.to_version, promotion.to_version, traffic.failures, service)
    if {answer.model_version for answer in after[-5:]} != {promotion.to_version}:
        raise CheckFailedError("the service's answers do not name the new version")
    answers = [*traffic.predictions, *after]
    wait_until_recorded(demo.engine, answers, since)
    figures = candidate_figures(demo.engine, demo.site, month)
    demo.steps.note(
        f"Version {promotion.to_version} is champion: {promotion.reason} The service answered with "
        f"it {waited:.1f} s after the run ended, without a restart; {len(traffic.predictions)} "
        "requests in the meantime, none failed."
    )
    return {
        "questions": questions,
        "months": len(known),
        "last_month": month,
        "candidates": figures,
        "champion_version": promotion.to_version,
        "predictions_recorded": demo.figures["predictions_recorded"] + len(answers),
    }


def _service_pid(demo: Demo) -> int:
    return next(line.pid for line in stack_status(demo.local) if line.name == "service")


def _verify_change(demo: Demo, before: str, after: str, failures: list[str], service: int) -> None:
    if failures:
        raise CheckFailedError(
            f"{len(failures)} requests failed while the champion changed from version {before} "
            f"to {after}; the first: {failures[0]}"
        )
    if _service_pid(demo) != service:
        raise CheckFailedError("the service was restarted while the champion changed")


STAGES: Final = (
    Stage("set_up", "The whole platform on this machine", set_up),
    Stage("ingest", "More than a year of questions", ingest),
    Stage("first_training", "A first champion", first_champion),
    Stage("predictions", "Suggestions, requested and recorded", request_predictions),
    Stage("second_training", "A month later: a better champion, no restart", train_again),
    Stage("drift", "Later months: drift, retraining, mails", watch_drift),
    Stage("year", "Stability of a year of monthly models", study_stability),
)
