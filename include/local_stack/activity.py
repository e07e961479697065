"""What moves in a running stack, and what stands still: for waits and their errors."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import psutil

from include.errors import FixSettingsError
from include.local_stack.health import airflow_health, log_tail
from include.local_stack.layout import worker_name
from include.local_stack.process_time import family, task_seconds
from include.local_stack.state import read_state
from include.local_stack.supervisor import Supervisor

_LOG_LINES = 8


class StackActivity:
    """
    Watches the processes of the stack in one folder.

    Parameters
    ----------
    local : Path
        The stack's folder.

    Raises
    ------
    FixSettingsError
        If no stack was started there.
    """

    def __init__(self, local: Path) -> None:
        state = read_state(local)
        if state is None:
            raise FixSettingsError(f"there is no stack in {local}: start one with `make up`")
        self._layout = state.layout(local)
        self._supervisor = Supervisor(self._layout.local)
        workers = map(worker_name, range(1, state.celery_workers + 1))
        self._task_parents = {"airflow-scheduler", *workers}

    def task_seconds(self) -> int:
        """
        Return the processor time of all tasks so far in whole seconds.

        It grows while a task computes, and does not while tasks hang or none runs.
        """
        parents = [
            state.pid
            for name, state in self._supervisor.states().items()
            if name in self._task_parents
        ]
        return int(sum(map(task_seconds, parents)))

    def heartbeat(self, part: str) -> str | None:
        """Return the time of the last heartbeat of a part of Airflow, as it reports it."""
        found: str | None = (
            airflow_health(self._layout).get(part, {}).get(f"latest_{part}_heartbeat")
        )
        return found

    def broken(self) -> bool:
        """Return whether a process that every task needs does not run or is stopped."""
        # One worker of several is not needed by every task
        return any(
            name == "postgres"
            or (name.startswith("airflow-") and not name.startswith("airflow-worker-"))
            for name, _ in self._not_running()
        )

    def explain(self) -> str:
        """Name the processes that do not work, with the last lines of their logs."""
        faults = dict(self._stale_heartbeats())
        faults |= dict(self._not_running())  # the cause of the former
        if not faults:
            return "All processes of the platform run, and Airflow's heartbeats are recent."
        return "\n".join(
            f"{name} {fault}; its log ends:\n{log_tail(self._layout, name, _LOG_LINES)}"
            for name, fault in faults.items()
        )

    def _not_running(self) -> Iterable[tuple[str, str]]:
        for name, state in self._supervisor.states().items():
            if state.state not in {"RUNNING", "STARTING"}:
                yield name, f"does not run ({state.state}: {state.description})"
            elif any(_is_stopped(process) for process in family(state.pid)):
                yield name, "is stopped by a signal"

    def _stale_heartbeats(self) -> Iterable[tuple[str, str]]:
        health = airflow_health(self._layout)
        if not health:
            yield "airflow-api-server", "does not answer"
        for part in ("scheduler", "dag_processor", "triggerer"):
            found = health.get(part, {})
            beat = found.get(f"latest_{part}_heartbeat")
            if beat and found.get("status") != "healthy":
                age = datetime.now(UTC) - datetime.fromisoformat(beat)
                name = f"airflow-{part.replace('_', '-')}"
                yield name, f"has had no heartbeat for {age.total_seconds():.0f} s"


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return str(process.status()) in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}
    except psutil.Error:
        return False
