"""Health checks of processes, and waiting until processes are healthy."""

import os
import socket
from collections import deque
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import requests

from include.errors import RetryLaterError
from include.local_stack.celery_workers import BROKER_URL, answers
from include.local_stack.layout import StackLayout
from include.local_stack.process_time import resident_mb
from include.local_stack.processes import Process
from include.local_stack.state import read_environment
from include.local_stack.supervisor import ProcessState, Supervisor, log_file
from include.local_stack.waiting import wait_for

_LOG_LINES = 15
_MEMORY_STEP_MB = 4.0
_STARTS = 4
"""The supervisor calls a process that ends after its first ten seconds running, and restarts it."""


def is_healthy(process: Process, layout: StackLayout) -> bool:
    """Return whether ``process`` is healthy by HTTP, a connection, or Airflow's heartbeat."""
    if process.heartbeat is not None:
        health = airflow_health(layout).get(process.heartbeat, {})
        return bool(health.get("status") == "healthy")
    if process.celery_node is not None:
        return answers(_broker_url(layout), process.celery_node)
    if process.server is None:
        return True
    if process.health_path is not None:
        return _responds(f"{layout.url(process.server)}{process.health_path}")
    return _accepts_connection(layout.host(process.server), layout.ports[process.server])


def _broker_url(layout: StackLayout) -> str:
    """Return the address of Celery's broker: of the local stack, or of this container."""
    stored = read_environment(layout.local) if (layout.local / "env").exists() else os.environ
    return stored[BROKER_URL]


def airflow_health(layout: StackLayout) -> dict[str, Any]:
    """Return the status and last heartbeat of each part of Airflow; empty if it does not answer."""
    return _get_json(f"{layout.url('airflow')}/api/v2/monitor/health")


def wait_until_healthy(
    processes: Iterable[Process], layout: StackLayout, supervisor: Supervisor
) -> None:
    """
    Return when every process runs and is healthy.

    Raises
    ------
    RetryLaterError
        If one failed, or none of those that are not healthy shows any progress (state, log, loaded
        modules): the message names them and shows the ends of their logs.
    """
    start = _Start({process.name: process for process in processes}, layout, supervisor)
    wait_for(
        start.has_ended,
        what=f"{', '.join(start.waiting)}: the start has not ended",
        progress=start.fingerprint,
        explain=start.explain,
        pause_s=0.2,
    )
    if start.failure:
        raise RetryLaterError(start.failure)


class _Start:
    """The start of some processes: which are not healthy yet, what they do, and why one failed."""

    def __init__(
        self, waiting: dict[str, Process], layout: StackLayout, supervisor: Supervisor
    ) -> None:
        self.waiting = waiting
        self.failure = ""
        self._pids: dict[str, set[int]] = {name: set() for name in waiting}
        self._layout = layout
        self._supervisor = supervisor

    def has_ended(self) -> bool:
        """Return whether all are healthy or one has failed, which ``failure`` then explains."""
        states = self._supervisor.states()
        for name, process in list(self.waiting.items()):
            if states[name].state == "FATAL":
                self.failure = _failure(self._layout, states[name], "does not start")
                return True
            self._pids[name].add(states[name].pid)
            if len(self._pids[name] - {0}) > _STARTS:
                self.failure = _failure(self._layout, states[name], "ends again and again")
                return True
            running = states[name].state in {"STARTING", "RUNNING"}
            if running and is_healthy(process, self._layout):
                del self.waiting[name]
        return not self.waiting

    def fingerprint(self) -> Hashable:
        """Return what changes while a process starts; imports show as memory."""
        states = self._supervisor.states()
        return tuple(
            (
                name,
                states[name].state,
                states[name].pid,
                log_bytes([log_file(self._layout, name)]),
                int(resident_mb(states[name].pid) / _MEMORY_STEP_MB),
            )
            for name in self.waiting
        )

    def explain(self) -> str:
        """Return the state and the end of the log of each process that is not healthy."""
        states = self._supervisor.states()
        return "\n".join(
            _failure(self._layout, states[name], "is not healthy") for name in self.waiting
        )


def log_bytes(paths: Iterable[Path]) -> int:
    """Return the total size of files and of all files in folders; 0 for what does not exist."""
    return sum(
        file.stat().st_size
        for path in paths
        for file in (path.rglob("*") if path.is_dir() else (path,))
        if file.is_file()
    )


def log_tail(layout: StackLayout, name: str, lines: int = _LOG_LINES) -> str:
    """Return the last lines of a process' log."""
    return tail(log_file(layout, name), lines)


def tail(path: Path, lines: int = _LOG_LINES) -> str:
    """Return the last lines of a text file."""
    if not path.exists():
        return "(no log)"
    with path.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, lines)).rstrip()


def _failure(layout: StackLayout, state: ProcessState, what: str) -> str:
    return (
        f"{state.name} {what} ({state.state}: {state.description}); its log is "
        f"{log_file(layout, state.name)} and ends:\n{log_tail(layout, state.name)}"
    )


def _responds(url: str) -> bool:
    try:
        return requests.get(url, timeout=3).ok
    except requests.RequestException:
        return False


def _get_json(url: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = requests.get(url, timeout=3).json()
    except (requests.RequestException, ValueError):
        return {}
    return found


def _accepts_connection(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
