"""What the exporter reads from Airflow's REST API: the runs of each DAG, and heartbeats."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from include import names
from include.monitoring.metrics import Samples
from include.months import month_of
from include.notify.airflow_rest import AirflowSession

RUNS_READ: Final = 25
MONTH_PARAMS: Final = ("month", "test_month")
_MONTH: Final = timedelta(days=27)
_CHANGES_READ: Final = 100
_OVERLAP: Final = timedelta(minutes=5)
"""How far the clocks of Airflow's hosts may differ from that of the exporter."""
_FULL_READING_EVERY: Final = 20

_Run = Mapping[str, Any]


class AirflowSource:
    """
    The state of every DAG of the platform.

    The latest runs of each DAG are asked for at the first reading and every twentieth, which also
    forgets what was deleted; the readings between ask for the runs that have changed, of all DAGs
    at once.

    Parameters
    ----------
    session : AirflowSession
    interval_s : float
        Seconds between readings.
    """

    name = "airflow"

    def __init__(self, session: AirflowSession, interval_s: float) -> None:
        self._session = session
        self.interval_s = interval_s
        self._runs: dict[str, dict[str, _Run]] = {}  # latest runs of each DAG, by their ids
        self._earlier_success: dict[str, _Run] = {}  # the last one before those latest runs
        self._complete_at: datetime | None = None  # until when `_runs` has every change
        self._readings = 0

    def read(self) -> Samples:
        """Return the DAGs' state; RetryLaterError if Airflow does not answer."""
        samples = Samples()
        found = self._get("/dags?limit=100&order_by=dag_id")["dags"]
        dags = {str(dag["dag_id"]): dag for dag in found if dag["dag_id"] in names.DAGS}
        self._read_runs(dags)
        for dag_id, dag in dags.items():
            samples.add("dag_paused", bool(dag["is_paused"]), dag_id)
            if due := dag["next_dagrun_run_after"]:
                moment = datetime.fromisoformat(due)
                samples.add("dag_next_run_timestamp_seconds", moment, dag_id)
            if earlier := self._earlier_success.get(dag_id):
                samples.add("dag_success_timestamp_seconds", _end_of(earlier), dag_id)
            add_ended_runs(samples, dag_id, self._runs[dag_id].values())
        active = self._get(
            "/dags/~/dagRuns?state=queued&state=running&order_by=run_after&limit=100"
        )
        add_active_runs(samples, active["dag_runs"])
        for component, health in self._get("/monitor/health").items():
            for key, value in health.items():
                if key.startswith("latest_") and value:
                    moment = datetime.fromisoformat(value)
                    samples.add("airflow_heartbeat_timestamp_seconds", moment, component)
        return samples

    def _read_runs(self, dag_ids: Collection[str]) -> None:
        """Bring the latest runs of the DAGs up to date."""
        now = datetime.now(UTC)
        changed = None
        if self._readings % _FULL_READING_EVERY and self._runs.keys() == set(dag_ids):
            changed = self._changed_runs()
        if changed is None:
            self._read_all_runs(dag_ids)
        else:
            for run in changed:
                self._keep(run)
        self._complete_at = now
        self._readings += 1

    def _read_all_runs(self, dag_ids: Collection[str]) -> None:
        """Read the latest runs of each DAG, and its last success where none of them is one."""
        self._complete_at = None  # if a request fails, the next reading starts anew
        self._runs, self._earlier_success = {dag_id: {} for dag_id in dag_ids}, {}
        for dag_id, latest in self._runs.items():
            of_dag = f"/dags/{dag_id}/dagRuns"
            for run in self._get(f"{of_dag}?order_by=-run_after&limit={RUNS_READ}")["dag_runs"]:
                self._keep(run)
            if any(run["state"] == "success" for run in latest.values()):
                continue
            for run in self._get(f"{of_dag}?state=success&order_by=-end_date&limit=1")["dag_runs"]:
                self._earlier_success[dag_id] = run

    def _changed_runs(self) -> Sequence[_Run] | None:
        """Return the runs that changed since the last reading; None if there are too many."""
        if self._complete_at is None:
            return None
        since = quote((self._complete_at - _OVERLAP).isoformat())
        changes = f"updated_at_gte={since}&order_by=-updated_at&limit={_CHANGES_READ}"
        answer = self._get(f"/dags/~/dagRuns?{changes}")
        runs: list[_Run] = answer["dag_runs"]
        return runs if answer["total_entries"] <= len(runs) else None

    def _keep(self, run: _Run) -> None:
        """Keep a run if it is one of its DAG's latest."""
        dag_id = str(run["dag_id"])
        if dag_id not in self._runs:  # a DAG of the user's
            return
        latest = self._runs[dag_id]
        latest[str(run["dag_run_id"])] = run
        if len(latest) > RUNS_READ:
            oldest = latest.pop(min(latest, key=lambda run_id: _due(latest[run_id])))
            if oldest["state"] == "success":
                self._earlier_success[dag_id] = oldest

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._session.request("GET", f"/api/v2{path}").json()
        return found


def _due(run: _Run) -> datetime:
    return datetime.fromisoformat(run["run_after"])


def _end_of(run: _Run) -> datetime:
    return datetime.fromisoformat(run["end_date"])


def add_ended_runs(samples: Samples, dag_id: str, runs: Iterable[Mapping[str, Any]]) -> None:
    """Add success, duration and failure of a DAG and of each month, from runs in any order."""
    ended = sorted(
        (run for run in runs if run["state"] in {"success", "failed"} and run["end_date"]),
        key=lambda run: datetime.fromisoformat(run["end_date"]),
    )
    for run in ended:  # a later run replaces an earlier one
        end = datetime.fromisoformat(run["end_date"])
        start = datetime.fromisoformat(run["start_date"] or run["end_date"])
        seconds, failed = (end - start).total_seconds(), run["state"] == "failed"
        samples.add("dag_duration_seconds", seconds, dag_id)
        samples.add("dag_failed", failed, dag_id)
        month = month_of_run(run)
        if month is not None:
            samples.add("dag_month_duration_seconds", seconds, dag_id, month)
            samples.add("dag_month_failed", failed, dag_id, month)
        if not failed:
            samples.add("dag_success_timestamp_seconds", end, dag_id)
            if month is not None:
                samples.add("dag_month_success_timestamp_seconds", end, dag_id, month)


def add_active_runs(samples: Samples, runs: Sequence[Mapping[str, Any]]) -> None:
    """
    Add how many runs of each DAG are queued or running, and since when the oldest is.

    A backfill's run is due in the past of its month, so the time at which it was queued counts.
    """
    for dag_id in names.DAGS:
        due = sorted(
            datetime.fromisoformat(run["queued_at"] or run["run_after"])
            for run in runs
            if run["dag_id"] == dag_id
        )
        samples.add("dag_runs_active", len(due), dag_id)
        if due:
            samples.add("dag_oldest_active_timestamp_seconds", due[0], dag_id)
        if dag_id == names.DAG_SEND_MAIL:
            samples.add("mails_waiting", len(due))


def month_of_run(run: Mapping[str, Any]) -> str | None:
    """
    Return the month that a run is about: asked for in its params, or its data interval.

    Examples
    --------
    >>> month_of_run({"conf": {"test_month": "2024-03"}})
    '2024-03'
    >>> interval = {"data_interval_start": "2024-02-01T00:00:00Z"}
    >>> month_of_run({"conf": {}, "data_interval_end": "2024-03-01T00:00:00Z", **interval})
    '2024-02'
    """
    asked = run.get("conf") or {}
    for name in MONTH_PARAMS:
        if asked.get(name):
            return str(asked[name])
    start, end = run.get("data_interval_start"), run.get("data_interval_end")
    if not start or not end:
        return None
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    return month_of(first) if last - first >= _MONTH else None
