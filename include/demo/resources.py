"""Measures how much memory and processor time the whole platform takes."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from include.errors import RetryLaterError
from include.local_stack.process_time import family, processor_seconds
from include.local_stack.status import stack_status


def stack_memory_mb(local: Path) -> float:
    """Return the memory of all processes of the stack in MB, each shared page counted once."""
    return sum(line.memory_mb for line in stack_status(local))


def cpu_seconds(local: Path) -> float:
    """
    Return the processor time spent so far by the stack, this process, and their ended children.

    Unlike wall-clock seconds it does not depend on how busy the machine is.
    """
    pids = {line.pid for line in stack_status(local) if line.pid}
    return own_cpu_seconds() + sum(
        processor_seconds(process) for pid in pids for process in family(pid)
    )


def own_cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return processor_seconds(psutil.Process())


@contextmanager
def peak_memory(local: Path, every_s: float = 15.0) -> Iterator[list[float]]:
    """Yield a list that grows by one sample of the memory (MB) every ``every_s`` seconds."""
    samples: list[float] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(every_s):
            with contextlib.suppress(RetryLaterError):
                samples.append(stack_memory_mb(local))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join(timeout=60)
