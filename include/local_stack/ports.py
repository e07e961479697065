"""Find free ports, the default ones first, also if several stacks start at once."""

import fcntl
import os
import random
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import psutil

from include.errors import RetryLaterError
from include.local_stack.layout import LOOPBACK
from include.local_stack.private_folders import temporary_folder

_TRIES = 60


def is_free(port: int) -> bool:
    """Return whether nothing listens on ``port`` of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As servers do: a port in TIME_WAIT is free to listen on
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
    return True


@contextmanager
def reserved_ports(preferred: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """
    Yield a free port for each name: the preferred one, or one near it.

    Until the block ends, no other stack on this machine gets the same ports, even while the
    servers that will listen on them are still starting.

    Raises
    ------
    RetryLaterError
        If no free port was found near a preferred one.
    """
    with ExitStack() as reservations:
        reserved: dict[str, int] = {}
        for name, port in preferred.items():
            reserved[name] = _reserve(port, reservations)
        yield reserved


def keep_ports(ports: Iterable[int], pid: int) -> None:
    """
    Keep reserved ports for a stack as long as its supervisor runs.

    A process of the stack may be stopped and started again; no other stack takes its port then.

    Parameters
    ----------
    ports : iterable of int
        Of `reserved_ports`, in whose block this is called.
    pid : int
        Of the supervisor.
    """
    keeper = f"{pid} {psutil.Process(pid).create_time()}"
    for port in ports:
        handle = _open(port)
        try:
            os.truncate(handle, 0)
            os.write(handle, keeper.encode())
        finally:
            os.close(handle)


def _reserve(preferred: int, reservations: ExitStack) -> int:
    near = random.sample(range(preferred + 1, preferred + 400), _TRIES)
    for port in (preferred, *near):
        handle = _lock(port)
        if handle is None:
            continue
        reservations.callback(os.close, handle)
        if is_free(port):
            return port
    raise RetryLaterError(f"no free port found near {preferred}")


def _lock(port: int) -> int | None:
    """Return a handle on this user's lock of ``port``, or None if another stack has the port."""
    handle = _open(port)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    if _is_kept(os.read(handle, 100).decode()):
        os.close(handle)
        return None
    return handle


def _open(port: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(temporary_folder() / f"port-{port}", flags, 0o600)


def _is_kept(keeper: str) -> bool:
    """Return whether the process of `keep_ports` still runs; its number may be another's by now."""
    pid, _, started = keeper.partition(" ")
    try:
        return bool(pid) and str(psutil.Process(int(pid)).create_time()) == started
    except psutil.NoSuchProcess:
        return False
