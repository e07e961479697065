"""Client of Airflow's REST API: start runs and backfills, read their state, report failures."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from include.errors import RetryLaterError
from include.local_stack.machine import patience_s
from include.months import month_of, month_start
from include.notify.airflow_rest import AirflowSession

_ENDED: Final = {"success", "failed"}
_TASK_ENDED: Final = {"success", "failed", "skipped", "upstream_failed", "removed"}
_ATTEMPTS: Final = 5
_ANSWER_S: Final = 30.0


@dataclass(frozen=True)
class DagRun:
    """
    A run of a DAG.

    Parameters
    ----------
    dag_id, run_id : str
        Which one.
    state : str
        queued, running, success or failed.
    month : str or None
        Month of its data interval, ``YYYY-MM``; None for a run without one.
    """

    dag_id: str
    run_id: str
    state: str
    month: str | None

    @property
    def ended(self) -> bool:
        """Whether the run has ended, successfully or not."""
        return self.state in _ENDED


@dataclass(frozen=True)
class TaskRun:
    """
    One task of a run.

    Parameters
    ----------
    task_id : str
        Its name in the DAG.
    map_index : int
        Index of a mapped task's instance, -1 if it is not mapped.
    state : str or None
        As Airflow names it.
    attempt : int
        Number of the latest attempt, 1 or more; 0 before the first.
    """

    task_id: str
    map_index: int
    state: str | None
    attempt: int

    @property
    def ended(self) -> bool:
        """Whether the task has ended, in whatever state."""
        return self.state in _TASK_ENDED


class AirflowApi:
    """
    Client of one Airflow.

    Parameters
    ----------
    url : str
        Its root.
    user, password : str
        A login of its SimpleAuthManager.
    log_folders : sequence of Path
        Folders of its task logs, for messages about failed tasks.
    """

    def __init__(self, url: str, user: str, password: str, log_folders: Sequence[Path]) -> None:
        self._log_folders = log_folders
        self._session = AirflowSession(url, user, password, patience_s(_ANSWER_S))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the client of a running stack, from the variables of its ``env`` file."""
        return cls(
            environment["AIRFLOW_URL"],
            environment["AIRFLOW_USER"],
            environment["AIRFLOW_PASSWORD"],
            log_folders(environment),
        )

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        Return the JSON response to a request below ``/api/v2``.

        A GET is repeated if the server does not answer; other methods are not, since the first
        request may have been carried out.

        Raises
        ------
        FixInputError
            If Airflow refuses the request; the message contains its response.
        RetryLaterError
            If it does not answer.
        """
        attempts = _ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._call(method, path, body)
            except RetryLaterError:
                if attempt == attempts:
                    raise
                time.sleep(0.5 * attempt)
        raise AssertionError("unreachable")

    def page(self, path: str) -> str:
        """
        Return a plugin's page, requested with the login.

        Raises
        ------
        FixInputError
            If Airflow refuses the request; the message contains its response.
        RetryLaterError
            If it does not answer.
        """
        return self._session.request("GET", path).text

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        answer = self._session.request(method, f"/api/v2{path}", body)
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def start_backfill(
        self,
        dag_id: str,
        first_month: str,
        last_month: str,
        *,
        at_once: int = 2,
        conf: Mapping[str, Any] | None = None,
    ) -> int:
        """
        Start a backfill over months, both included, and return its id; months run again.

        Raises
        ------
        FixInputError
            If Airflow refuses it, also while an earlier backfill of the DAG counts as running.
        """
        body = {
            "dag_id": dag_id,
            "from_date": month_start(first_month).isoformat(),
            "to_date": month_start(last_month).isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": at_once,
            "dag_run_conf": dict(conf or {}),
        }
        return int(self.call("POST", "/backfills", body)["id"])

    def backfill_runs(self, dag_id: str, first_month: str, last_month: str) -> list[DagRun]:
        """Return the runs of a DAG on months from first to last, oldest month first."""
        answer = self.call(
            "GET",
            f"/dags/{dag_id}/dagRuns?limit=500&order_by=logical_date"
            f"&logical_date_gte={month_start(first_month):%Y-%m-%dT%H:%M:%SZ}"
            f"&logical_date_lte={month_start(last_month):%Y-%m-%dT%H:%M:%SZ}",
        )
        return [_dag_run(one) for one in answer["dag_runs"]]

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any], *, run_id: str | None = None, note: str = ""
    ) -> str:
        """Start a manual run with ``conf`` as its params; return its run id."""
        body = {"logical_date": None, "conf": dict(conf), "note": note, "dag_run_id": run_id}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return a run in its current state."""
        return _dag_run(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}"))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskRun]:
        """Return the tasks of a run in their current state."""
        answer = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=500")
        return [
            TaskRun(one["task_id"], int(one["map_index"]), one["state"], int(one["try_number"]))
            for one in answer["task_instances"]
        ]

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return the return value of an unmapped task; FixInputError if it has none."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}"
        return self.call("GET", f"{path}/xcomEntries/return_value?stringify=false")["value"]

    def run_ids(self, dag_id: str, prefix: str) -> list[str]:
        """Return the ids of a DAG's runs that start with ``prefix``, the earliest first."""
        answer = self.call("GET", f"/dags/{dag_id}/dagRuns?limit=500&order_by=run_after")
        found = [str(run["dag_run_id"]) for run in answer["dag_runs"]]
        return [run_id for run_id in found if run_id.startswith(prefix)]

    def run_logs(self, dag_id: str, run_id: str) -> list[Path]:
        """Return the folders of a run's task logs, one for each worker; they may not exist yet."""
        return [folder / f"dag_id={dag_id}" / f"run_id={run_id}" for folder in self._log_folders]

    def task_log(self, dag_id: str, run_id: str, task: TaskRun) -> Path:
        """Return the log of a task's latest attempt."""
        mapped = f"map_index={task.map_index}" if task.map_index >= 0 else ""
        inner = Path(f"task_id={task.task_id}") / mapped / f"attempt={task.attempt}.log"
        logs = [folder / inner for folder in self.run_logs(dag_id, run_id)]
        return next((log for log in logs if log.exists()), logs[0])

    def failure(self, run: DagRun) -> str:
        """Return a message that names the failed tasks of a run and their logs."""
        what = f"{run.dag_id} {run.month or run.run_id}"
        failed = [task for task in self.tasks(run.dag_id, run.run_id) if task.state == "failed"]
        if not failed:
            return f"{what} failed"
        logs = ", ".join(str(self.task_log(run.dag_id, run.run_id, task)) for task in failed)
        names = ", ".join(dict.fromkeys(task.task_id for task in failed))
        return f"{what} failed in {names}; log: {logs}"


def log_folders(environment: Mapping[str, str]) -> list[Path]:
    """Return the folders of task logs of a local stack: Airflow's own, and each worker's."""
    workers = Path(environment["LOCAL_DIR"]) / "workers"
    return [
        Path(environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]),
        *sorted(workers.glob("*/airflow/logs")),
    ]


def _dag_run(answer: Mapping[str, Any]) -> DagRun:
    start = answer["data_interval_start"]
    return DagRun(
        dag_id=answer["dag_id"],
        run_id=answer["dag_run_id"],
        state=answer["state"],
        month=month_of(datetime.fromisoformat(start)) if start else None,
    )
