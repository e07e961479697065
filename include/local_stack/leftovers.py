"""
Finds and ends what a stack left behind, also when its supervisor was killed.

A process belongs to a stack if it carries the stack's mark in its environment, is in the session
of its supervisord, is the PostgreSQL server of its data folder, or descends from one of these.
Several signs are needed because PostgreSQL and Airflow write their titles over their environment.
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


def belonging_processes(local: Path, session: int | None) -> list[psutil.Process]:
    """
    Return the processes of the stack in ``local``, this one and its ancestors left out.

    Parameters
    ----------
    session : int or None
        The session id of its supervisord, if it was recorded.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    data = str(local / "postgres")
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in own and (
            _carries_mark(process, str(local))
            or _in_session(process, session, str(local))
            or _serves_folder(process, data)
        ):
            found[process.pid] = process
    for process in list(found.values()):
        for child in _descendants(process):
            if child.pid not in own:
                found[child.pid] = child
    return [process for process in found.values() if _is_alive(process)]


def end_processes(found: Iterable[psutil.Process], grace_s: float) -> int:
    """
    End processes, kindly first, by force after ``grace_s`` seconds; return how many there were.

    PostgreSQL gets the signal that ends its sessions at once.
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


def _carries_mark(process: psutil.Process, local: str) -> bool:
    return _attempt(lambda: process.environ().get(MARKER) == local, False)


def _in_session(process: psutil.Process, session: int | None, local: str) -> bool:
    """
    Tell whether ``process`` is in the recorded session, and that session is still the stack's.

    The number lives as long as its session does. Were it given to a new session since, then that
    one's leader has it as its own process id and is not our supervisord.
    """
    if session is None or session_of(process.pid) != session:
        return False
    if not psutil.pid_exists(session):
        return _is_ours(process)
    return _attempt(lambda: local in " ".join(psutil.Process(session).cmdline()), False)


def _is_ours(process: psutil.Process) -> bool:
    """Tell whether a process without a session leader runs in the repository, as ours all do."""
    root = Path(__file__).resolve().parents[2]
    return _attempt(lambda: Path(process.cwd()) == root, False)


def _serves_folder(process: psutil.Process, data: str) -> bool:
    def serves() -> bool:
        words = process.cmdline()
        return process.name() == "postgres" and "-D" in words and data in words

    return _attempt(serves, False)


def _is_alive(process: psutil.Process) -> bool:
    return _attempt(lambda: process.status() != psutil.STATUS_ZOMBIE, False)


def _attempt(look: Callable[[], T], otherwise: T) -> T:
    """Return what ``look`` finds; ``otherwise`` where the process is gone or hidden from us."""
    try:
        return look()
    except (psutil.Error, OSError):
        return otherwise
