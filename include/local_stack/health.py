"""Health checks of processes, and waiting until processes are healthy."""

import socket
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import requests

from include.errors import RetryLaterError
from include.local_stack.layout import StackLayout
from include.local_stack.processes import Process
from include.local_stack.supervisor import ProcessState, Supervisor, log_file

_LOG_LINES = 15


def is_healthy(process: Process, layout: StackLayout) -> bool:
    """Return whether ``process`` is healthy by HTTP, a connection, or Airflow's heartbeat."""
    if process.heartbeat is not None:
        health = _get_json(f"{layout.url('airflow')}/api/v2/monitor/health")
        return bool(health.get(process.heartbeat, {}).get("status") == "healthy")
    if process.server is None:
        return True
    if process.health_path is not None:
        return _responds(f"{layout.url(process.server)}{process.health_path}")
    return _accepts_connection(layout.host(process.server), layout.ports[process.server])


def wait_until_healthy(
    processes: Iterable[Process],
    layout: StackLayout,
    supervisor: Supervisor,
    timeout_s: float,
) -> None:
    """
    Return when every process runs and is healthy.

    Raises
    ------
    RetryLaterError
        If one failed or is not healthy in time: the message names it and shows the end of its log.
    """
    waiting = {process.name: process for process in processes}
    deadline = time.monotonic() + timeout_s
    while waiting:
        states = supervisor.states()
        for name, process in list(waiting.items()):
            if states[name].state == "FATAL":
                raise RetryLaterError(_failure(layout, states[name], "does not start"))
            if states[name].state in {"STARTING", "RUNNING"} and is_healthy(process, layout):
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            first = next(iter(waiting))
            raise RetryLaterError(
                _failure(layout, states[first], f"is not healthy after {timeout_s:.0f} s")
            )
        time.sleep(0.2)


def log_tail(layout: StackLayout, name: str, lines: int = _LOG_LINES) -> str:
    """Return the last lines of a process' log."""
    path = log_file(layout, name)
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
