"""Failed tasks and runs as incidents: the error without secrets or data, and what to do."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from include import errors
from include.addresses import without_login
from include.settings import Settings
from include.task_results import Incident

MAX_ERROR_LENGTH: Final = 600
KILLED: Final = "Killed"
TIMED_OUT: Final = "AirflowTaskTimeout"
_ROOT: Final = Path(__file__).resolve().parents[3]
_CLEAR: Final = "then clear the failed task in Airflow: it goes on where it stopped"

ADVICE: Final[dict[str, str]] = {
    errors.FixSettingsError.__name__: f"Change the setting that the error names, {_CLEAR}.",
    errors.FixInputError.__name__: "Trigger the run again with the value that the error asks for.",
    errors.MissingDataError.__name__: f"Run the command that the error names, {_CLEAR}.",
    errors.CheckFailedError.__name__: "Look at the stored data that the error names. Once they are "
    f"right, {_CLEAR.removeprefix('then ')}.",
    errors.RetryLaterError.__name__: "Every attempt failed: see whether the server that the error "
    f"names is up, {_CLEAR}.",
    errors.ModelUnusableError.__name__: "Roll back with rollback_champion if this version is "
    "served; otherwise train again.",
    TIMED_OUT: "The log shows where it stood. If it was at work, and not stuck, raise "
    f"TIMEOUT_SCALE; {_CLEAR}.",
    KILLED: "Mostly the memory was used up or the machine was restarted: see `make status` and the "
    f"kernel's log, lower TRAINING_SLOTS if trainings filled the memory, {_CLEAR}.",
}
OTHERWISE: Final = f"Read the log, remove the cause, {_CLEAR}."


@dataclass(frozen=True, slots=True)
class FailedTask:
    """
    A task that failed for good, as Airflow's callback gives it.

    Parameters
    ----------
    dag_id, run_id, task_id : str
    map_index : int
        -1 for a task that is not mapped.
    label : str
        Label of a mapped task's instance; empty if there is none.
    attempt : int
        Number of the last attempt, >= 1.
    cleared : int
        How often the run has been cleared: a failure after that is told again.
    error : BaseException or None
        None if the process ended without one.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    label: str
    attempt: int
    cleared: int
    error: BaseException | None


def task_incident(settings: Settings, failed: FailedTask) -> Incident:
    """Return the incident of a failed task; instances of a mapped task share their cause."""
    kind = KILLED if failed.error is None else type(failed.error).__name__
    run = _run_url(settings, failed.dag_id, failed.run_id)
    mapped = f"/mapped/{failed.map_index}" if failed.map_index >= 0 else ""
    log = f"{run}/tasks/{failed.task_id}{mapped}?try_number={failed.attempt}"
    name = f"{failed.task_id} ({failed.label})" if failed.label else failed.task_id
    return Incident(
        key=_key(failed.dag_id, failed.run_id, failed.cleared, failed.task_id, kind),
        run_key=run_key(failed.dag_id, failed.run_id, failed.cleared),
        title=f"{failed.dag_id}: {failed.task_id} failed",
        rows=[
            ("Run", failed.run_id),
            ("Task", f"{name}, attempt {failed.attempt}"),
            ("Error", described(settings, failed.error)),
        ],
        advice=ADVICE.get(kind, OTHERWISE),
        links=[("Log of the task", log), ("Run in Airflow", run)],
    )


def run_incident(
    settings: Settings, dag_id: str, run_id: str, cleared: int, reason: str
) -> Incident:
    """
    Return the incident of a failed run.

    Parameters
    ----------
    settings : Settings
    dag_id, run_id : str
    cleared : int
        How often the run has been cleared.
    reason : str
        As Airflow names it: ``timed_out``, ``task_failure``, ``all_tasks_deadlocked``.
    """
    run = _run_url(settings, dag_id, run_id)
    if reason == "timed_out":
        title = f"{dag_id}: the run took too long"
        error = "The run was ended because it reached the time limit of its DAG"
        advice = (
            "See in Airflow which task was waiting or at work. If it only needs more time, raise "
            f"TIMEOUT_SCALE; {_CLEAR}."
        )
    else:
        title = f"{dag_id}: the run failed"
        error = (
            "A task's process ended without reporting an error: it was killed"
            if reason == "task_failure"
            else f"Airflow says: {reason}"
        )
        advice = ADVICE[KILLED]
    return Incident(
        key=_key(dag_id, run_id, cleared, "", reason),
        run_key=run_key(dag_id, run_id, cleared),
        title=title,
        rows=[("Run", run_id), ("Error", error)],
        advice=advice,
        links=[("Run in Airflow", run)],
    )


def run_key(dag_id: str, run_id: str, cleared: int) -> str:
    """Return what all incidents of a run have in common."""
    return f"{dag_id}/{run_id}/{cleared}"


def described(settings: Settings, error: BaseException | None) -> str:
    """
    Return an error as people may read it in a mail: no secret, no row, no text of a question.

    The platform's own errors are written for people and are quoted. Others may quote data, so that
    only their kind and the place in the platform's code are told; the log has the rest.

    Parameters
    ----------
    settings : Settings
        Its secrets are removed wherever they occur.
    error : BaseException or None
        None if the process ended without one.

    Examples
    --------
    >>> described(Settings(), errors.MissingDataError("2024-02 is not stored"))
    'MissingDataError: 2024-02 is not stored'
    >>> described(Settings(), ValueError("my password is 1234"))
    'ValueError'
    """
    if error is None:
        return "The task's process ended without reporting an error: it was killed"
    name, detail = type(error).__name__, ""
    if isinstance(error, errors.TagkeeperError):
        detail = f": {' '.join(str(error).split())}"
    elif isinstance(error, DBAPIError):
        code = getattr(error.orig, "pgcode", None)
        detail = f" (SQLSTATE {code})" if code else ": no connection to PostgreSQL"
    elif isinstance(error, OSError) and error.strerror:
        detail = f": {error.strerror}"
    elif name == TIMED_OUT:
        detail = ": the task reached its time limit"
    text = f"{name}{detail}{'' if detail.startswith(': ') else _place(error)}"
    return _without_secrets(settings, without_login(text))[:MAX_ERROR_LENGTH]


def _place(error: BaseException) -> str:
    """Return the last line of the platform's code that the error went through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT / "include") or path.is_relative_to(_ROOT / "plugins"):
            return f" at {path.relative_to(_ROOT)}:{frame.lineno}"
    return ""


def _without_secrets(settings: Settings, text: str) -> str:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr) and value.get_secret_value():
            text = text.replace(value.get_secret_value(), "***")
    return text


def _key(dag_id: str, run_id: str, cleared: int, task_id: str, kind: str) -> str:
    cause = "\n".join((dag_id, run_id, str(cleared), task_id, kind))
    return f"incident-{hashlib.sha256(cause.encode()).hexdigest()[:16]}"


def _run_url(settings: Settings, dag_id: str, run_id: str) -> str:
    return f"{settings.airflow_url.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id, safe='')}"
