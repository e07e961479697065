"""
Find and terminate orphaned processes of a stack, for example after its supervisor was killed.

A process belongs to a stack if it has the stack's marker in its environment, is in the session of
its supervisord, is the PostgreSQL server of its data folder, or descends from one of these. Several
criteria are needed because PostgreSQL and Airflow overwrite their environment with their titles.
"""

import os
import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil

from include.local_stack.environment import MARKER

T = TypeVar("T")


def find_orphans(local: Path, session: int | None) -> list[psutil.Process]:
    """
    Return the processes of the stack in ``local``, without this one and its ancestors.

    Parameters
    ----------
    session : int or None
        The session id of its supervisord, if it was recorded.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    data = str((local / "postgres").resolve())  # as root a link
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in own and (
            _has_marker(process, str(local))
            or _in_session(process, session, str(local))
            or _serves_data(process, data)
        ):
            found[process.pid] = process
    for process in list(found.values()):
        for child in _descendants(process):
            if child.pid not in own:
                found[child.pid] = child
    return [process for process in found.values() if _is_alive(process)]


def terminate(found: Iterable[psutil.Process], grace_s: float) -> int:
    """
    Terminate processes, kill them after ``grace_s`` seconds; return their number.

    PostgreSQL gets SIGINT, which ends its sessions at once.
    """
    found = list(found)
    for process in found:
        kind = signal.SIGINT if _attempt(process.name, "") == "postgres" else signal.SIGTERM
        _attempt(partial(process.send_signal, kind), None)
    _, alive = psutil.wait_procs(found, timeout=grace_s)
    for process in alive:
        _attempt(process.kill, None)
    psutil.wait_procs(alive, timeout=5)
    return len(found)


def session_of(pid: int) -> int | None:
    """Return the session id of a process, or None if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    return _attempt(partial(process.children, recursive=True), [])


def _has_marker(process: psutil.Process, local: str) -> bool:
    return _attempt(lambda: process.environ().get(MARKER) == local, False)


def _in_session(process: psutil.Process, session: int | None, local: str) -> bool:
    """
    Return whether ``process`` is in the recorded session, and the session is still the stack's.

    A session id is in use as long as its session. If the system has given it to a new session
    since, the leader of that session has it as process id and is not this stack's supervisord.
    """
    if session is None or session_of(process.pid) != session:
        return False
    if not psutil.pid_exists(session):
        return _runs_in_repository(process)
    return _attempt(lambda: local in " ".join(psutil.Process(session).cmdline()), False)


def _runs_in_repository(process: psutil.Process) -> bool:
    """Return whether a process without session leader runs in the repository, as a stack's do."""
    root = Path(__file__).resolve().parents[2]
    return _attempt(lambda: Path(process.cwd()) == root, False)


def _serves_data(process: psutil.Process, data: str) -> bool:
    def serves() -> bool:
        arguments = process.cmdline()
        return process.name() == "postgres" and "-D" in arguments and data in arguments

    return _attempt(serves, False)


def _is_alive(process: psutil.Process) -> bool:
    return _attempt(lambda: process.status() != psutil.STATUS_ZOMBIE, False)


def _attempt(call: Callable[[], T], default: T) -> T:
    """Return the result of ``call``, or ``default`` if the process is gone or not accessible."""
    try:
        return call()
    except (psutil.Error, OSError):
        return default
