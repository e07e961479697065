"""Tells whether processes do their work, and waits until they do."""

import socket
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import requests

from include.errors import RetryLaterError
from include.local_stack.place import Place
from include.local_stack.processes import Process
from include.local_stack.supervisor import ProcessState, Supervisor, log_file

_LOG_LINES = 15


def is_well(process: Process, place: Place) -> bool:
    """Tell whether ``process`` answers: over HTTP, by a connection, or by Airflow's heartbeat."""
    if process.heartbeat is not None:
        health = _get_json(f"{place.url('airflow')}/api/v2/monitor/health")
        return bool(health.get(process.heartbeat, {}).get("status") == "healthy")
    if process.server is None:
        return True
    if process.path is not None:
        return _answers(f"{place.url(process.server)}{process.path}")
    return _connects(place.host(process.server), place.ports[process.server])


def wait_until_well(
    processes: Iterable[Process],
    place: Place,
    supervisor: Supervisor,
    timeout_s: float,
) -> None:
    """
    Return when every process runs and does its work.

    Raises
    ------
    RetryLaterError
        If one gave up or is not well in time: the message names it and shows its log's end.
    """
    waiting = {process.name: process for process in processes}
    deadline = time.monotonic() + timeout_s
    while waiting:
        states = supervisor.states()
        for name, process in list(waiting.items()):
            if states[name].state == "FATAL":
                raise RetryLaterError(_failure(place, states[name], "does not start"))
            if states[name].state in {"STARTING", "RUNNING"} and is_well(process, place):
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            first = next(iter(waiting))
            raise RetryLaterError(
                _failure(place, states[first], f"is not well after {timeout_s:.0f} s")
            )
        time.sleep(0.2)


def log_tail(place: Place, name: str, lines: int = _LOG_LINES) -> str:
    """Return the last lines of a process' log."""
    path = log_file(place, name)
    if not path.exists():
        return "(no log)"
    with path.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, lines)).rstrip()


def _failure(place: Place, state: ProcessState, what: str) -> str:
    return (
        f"{state.name} {what} ({state.state}: {state.description}); its log is "
        f"{log_file(place, state.name)} and ends:\n{log_tail(place, state.name)}"
    )


def _answers(url: str) -> bool:
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


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
