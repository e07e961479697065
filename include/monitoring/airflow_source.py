"""What the exporter reads from Airflow's REST API: the runs of each DAG, and heartbeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from include import names
from include.monitoring.metrics import Samples
from include.months import month_of
from include.notify.airflow_rest import AirflowSession

RUNS_READ: Final = 25
MONTH_PARAMS: Final = ("month", "test_month")
_MONTH: Final = timedelta(days=27)


class AirflowSource:
    """
    The state of every DAG of the platform.

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

    def read(self) -> Samples:
        """Return the DAGs' state; RetryLaterError if Airflow does not answer."""
        samples = Samples()
        for dag in self._get("/dags?limit=100&order_by=dag_id")["dags"]:
            if dag["dag_id"] in names.DAGS:
                self._add_dag(samples, dag)
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

    def _add_dag(self, samples: Samples, dag: Mapping[str, Any]) -> None:
        dag_id = str(dag["dag_id"])
        samples.add("dag_paused", bool(dag["is_paused"]), dag_id)
        if due := dag["next_dagrun_run_after"]:
            moment = datetime.fromisoformat(due)
            samples.add("dag_next_run_timestamp_seconds", moment, dag_id)
        runs = self._get(f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit={RUNS_READ}")
        add_ended_runs(samples, dag_id, runs["dag_runs"])
        if not samples.values("dag_success_timestamp_seconds").get((dag_id,)):
            last = f"/dags/{dag_id}/dagRuns?state=success&order_by=-end_date&limit=1"
            for run in self._get(last)["dag_runs"]:
                moment = datetime.fromisoformat(run["end_date"])
                samples.add("dag_success_timestamp_seconds", moment, dag_id)

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._session.request("GET", f"/api/v2{path}").json()
        return found


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
