"""Watches how much memory the whole platform takes."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.errors import RetryLaterError
from include.local_stack.status import stack_status


def stack_memory_mb(local: Path) -> float:
    """Return the memory of all processes of the stack in MB, each shared page counted once."""
    return sum(line.memory_mb for line in stack_status(local))


@contextmanager
def peak_memory(local: Path, every_s: float = 5.0) -> Iterator[list[float]]:
    """Yield a list that grows by one look at the memory (MB) every ``every_s`` seconds."""
    looks: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every_s):
            with contextlib.suppress(RetryLaterError):
                looks.append(stack_memory_mb(local))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join(timeout=60)
