"""Finds free ports, the usual ones first, and keeps two stacks that start at once apart."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from include.errors import RetryLaterError
from include.local_stack.place import LOOPBACK

_TRIES = 60


def is_free(port: int) -> bool:
    """Tell whether nothing listens on ``port`` of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections linger is free to listen on
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


@contextmanager
def claimed_ports(wanted: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """
    Yield a free port for each name: the wanted one, or else one near it.

    Until the block ends no other stack of this machine is given the same ports, although the
    servers that will listen on them are still starting.

    Raises
    ------
    RetryLaterError
        If no free port was found near a wanted one.
    """
    with ExitStack() as claims:
        chosen: dict[str, int] = {}
        for name, port in wanted.items():
            chosen[name] = _claim(port, claims)
        yield chosen


def _claim(wanted: int, claims: ExitStack) -> int:
    near = random.sample(range(wanted + 1, wanted + 400), _TRIES)
    for port in (wanted, *near):
        handle = _lock(port)
        if handle is None:
            continue
        claims.callback(os.close, handle)
        if is_free(port):
            return port
    raise RetryLaterError(f"no free port found near {wanted}")


def _lock(port: int) -> int | None:
    """Return a handle on the machine-wide claim of ``port``, or None if another stack has it."""
    folder = Path(tempfile.gettempdir()) / f"tagkeeper-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
