"""Client of Airflow's REST API: start runs and backfills, wait for them, report failures."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from include.errors import CheckFailedError, FixInputError, RetryLaterError
from include.months import month_of, month_start

_ENDED: Final = {"success", "failed"}
_ATTEMPTS: Final = 5
_BACKFILL_TIMEOUT_S: Final = 60.0


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


class AirflowApi:
    """
    Client of one Airflow.

    Parameters
    ----------
    url : str
        Its root, without a trailing slash.
    user, password : str
        A login of its SimpleAuthManager.
    log_folder : str
        Folder of its task logs, for messages about failed tasks.
    """

    def __init__(self, url: str, user: str, password: str, log_folder: str) -> None:
        self._url = url
        self._log_folder = log_folder
        self._login = {"username": user, "password": password}
        self._session = requests.Session()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "AirflowApi":
        """Return the client of a running stack, from the variables of its ``env`` file."""
        return cls(
            environment["AIRFLOW_URL"],
            environment["AIRFLOW_USER"],
            environment["AIRFLOW_PASSWORD"],
            environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"],
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
            except (requests.RequestException, RetryLaterError) as error:
                if attempt == attempts:
                    raise RetryLaterError(f"Airflow does not answer {path}: {error}") from None
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
        try:
            return self._request("GET", path, None).text
        except requests.RequestException as error:
            raise RetryLaterError(f"Airflow does not answer {path}: {error}") from None

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        answer = self._request(method, f"/api/v2{path}", body)
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> requests.Response:
        if "Authorization" not in self._session.headers:
            self._authorise()
        url = f"{self._url}{path}"
        answer = self._session.request(method, url, json=body, timeout=30)
        if answer.status_code == requests.codes.unauthorized:
            self._authorise()
            answer = self._session.request(method, url, json=body, timeout=30)
        if answer.status_code >= requests.codes.server_error:
            raise RetryLaterError(f"status {answer.status_code}")
        if not answer.ok:
            raise FixInputError(f"Airflow refuses {method} {path}: {answer.text[:500]}")
        return answer

    def _authorise(self) -> None:
        answer = self._session.post(f"{self._url}/auth/token", json=self._login, timeout=30)
        if answer.status_code >= requests.codes.server_error:
            raise RetryLaterError(f"status {answer.status_code} at login")
        if not answer.ok:
            raise FixInputError(f"Airflow refuses the login: {answer.text[:200]}")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def wait_for_dag(self, dag_id: str, timeout_s: float) -> None:
        """
        Return when Airflow has parsed ``dag_id`` and it is not paused.

        Raises
        ------
        RetryLaterError
            If it is not parsed in time; the message contains the errors of DAG files, if any.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if not self.call("GET", f"/dags/{dag_id}")["is_paused"]:
                    return
                self.call("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})
            except FixInputError:
                time.sleep(0.5)
        errors = self.call("GET", "/importErrors")["import_errors"]
        reasons = "; ".join(f"{one['filename']}: {one['stack_trace'][-300:]}" for one in errors)
        raise RetryLaterError(f"Airflow does not know the DAG {dag_id}. {reasons}")

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

        Airflow counts an earlier backfill as running for up to half a minute after its runs have
        ended; this waits for it, up to a minute.
        """
        body = {
            "dag_id": dag_id,
            "from_date": month_start(first_month).isoformat(),
            "to_date": month_start(last_month).isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": at_once,
            "dag_run_conf": dict(conf or {}),
        }
        deadline = time.monotonic() + _BACKFILL_TIMEOUT_S
        while True:
            try:
                return int(self.call("POST", "/backfills", body)["id"])
            except FixInputError as error:
                if "already a running backfill" not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def backfill_runs(self, dag_id: str, first_month: str, last_month: str) -> list[DagRun]:
        """Return the runs of a DAG on months from first to last, oldest month first."""
        answer = self.call(
            "GET",
            f"/dags/{dag_id}/dagRuns?limit=500&order_by=logical_date"
            f"&logical_date_gte={month_start(first_month):%Y-%m-%dT%H:%M:%SZ}"
            f"&logical_date_lte={month_start(last_month):%Y-%m-%dT%H:%M:%SZ}",
        )
        return [_dag_run(one) for one in answer["dag_runs"]]

    def wait_for_backfill(
        self,
        dag_id: str,
        first_month: str,
        last_month: str,
        *,
        timeout_s: float,
        report: Callable[[list[DagRun]], None] = lambda _: None,
    ) -> list[DagRun]:
        """
        Return the runs of a backfill when all have succeeded; ``report`` gets them at each poll.

        Raises
        ------
        CheckFailedError
            If a run failed; the message names its month, its task and the task's log.
        RetryLaterError
            If they have not ended in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            runs = self.backfill_runs(dag_id, first_month, last_month)
            report(runs)
            for run in runs:
                if run.state == "failed":
                    raise CheckFailedError(self.failure(run))
            if runs and all(run.ended for run in runs):
                return runs
            time.sleep(0.5)
        raise RetryLaterError(f"the backfill of {dag_id} did not end within {timeout_s:.0f} s")

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any], *, run_id: str | None = None, note: str = ""
    ) -> str:
        """Start a manual run with ``conf`` as its params; return its run id."""
        body = {"logical_date": None, "conf": dict(conf), "note": note, "dag_run_id": run_id}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return a run in its current state."""
        return _dag_run(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}"))

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout_s: float,
        report: Callable[[list[TaskRun]], None] = lambda _: None,
    ) -> None:
        """
        Return when a run has succeeded; ``report`` gets its tasks at each poll.

        Raises
        ------
        CheckFailedError
            If it failed; the message names the task and its log.
        RetryLaterError
            If it has not ended in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            run = self.run(dag_id, run_id)
            report(self.tasks(dag_id, run_id))
            if run.state == "failed":
                raise CheckFailedError(self.failure(run))
            if run.ended:
                return
            time.sleep(0.5)
        raise RetryLaterError(f"{dag_id} {run_id} did not end within {timeout_s:.0f} s")

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

    def wait_for_scheduled(self, dag_id: str, timeout_s: float) -> list[str]:
        """
        Return the ids of the scheduled runs when they have succeeded.

        Raises
        ------
        RetryLaterError
            If Airflow has started none in time, or one has not ended in time.
        CheckFailedError
            If one failed; the message names the task and its log.
        """
        deadline = time.monotonic() + timeout_s
        while not (due := self.run_ids(dag_id, "scheduled__")):
            if time.monotonic() > deadline:
                raise RetryLaterError(f"Airflow has not started the run of {dag_id} that is due")
            time.sleep(0.5)
        for run_id in due:
            self.wait_for_run(dag_id, run_id, timeout_s=timeout_s)
        return due

    def failure(self, run: DagRun) -> str:
        """Return a message that names the failed tasks of a run and their logs."""
        what = f"{run.dag_id} {run.month or run.run_id}"
        failed = [task for task in self.tasks(run.dag_id, run.run_id) if task.state == "failed"]
        if not failed:
            return f"{what} failed"
        logs = ", ".join(f"{self._log_folder}/{_log_path(run, task)}" for task in failed)
        names = ", ".join(dict.fromkeys(task.task_id for task in failed))
        return f"{what} failed in {names}; log: {logs}"


def _log_path(run: DagRun, task: TaskRun) -> str:
    mapped = f"map_index={task.map_index}/" if task.map_index >= 0 else ""
    return (
        f"dag_id={run.dag_id}/run_id={run.run_id}/task_id={task.task_id}/"
        f"{mapped}attempt={task.attempt}.log"
    )


def _dag_run(answer: Mapping[str, Any]) -> DagRun:
    start = answer["data_interval_start"]
    return DagRun(
        dag_id=answer["dag_id"],
        run_id=answer["dag_run_id"],
        state=answer["state"],
        month=month_of(datetime.fromisoformat(start)) if start else None,
    )
