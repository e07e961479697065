"""Fits in processes of their own that reserve the memory of one machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.capacity import available_memory_mb
from include.errors import RetryLaterError
from include.memory_budget import MemoryBudget, resident_memory

FIT = """
import sys
from pathlib import Path
from include.memory_budget import MemoryBudget

with MemoryBudget(Path(sys.argv[1]), 1000).reserved(float(sys.argv[2]), "a fit"):
    print("running", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def fit(folder: Path, needed_mb: int) -> Iterator[subprocess.Popen]:
    """Start a process that reserves memory and holds it until it may end."""
    process = subprocess.Popen(
        [sys.executable, "-c", FIT, str(folder), str(needed_mb)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


def reservations(folder: Path) -> int:
    return len(list(folder.glob("*.reservation")))


def is_running(process: subprocess.Popen) -> bool:
    """Wait for the line that a process writes once it has its memory."""
    return process.stdout.readline() == "running\n"


def reserved_now(folder: Path, needed_mb: float) -> bool:
    """Return whether a fit gets its memory without waiting for those before it."""
    state = []

    def available() -> float:  # asked at each turn
        state.append("asked")
        if len(state) > 1:
            raise InterruptedError("it waited")
        return 1e9

    try:
        with MemoryBudget(folder, 1000, available).reserved(needed_mb, "a fit"):
            return True
    except InterruptedError:
        return False


def test_fits_that_exceed_the_budget_together_run_one_after_the_other(tmp_path):
    with fit(tmp_path, 600) as first:
        assert is_running(first)
        assert not reserved_now(tmp_path, 600)
        first.communicate("end\n")
        assert reserved_now(tmp_path, 600)


def test_fits_that_the_budget_holds_run_at_once(tmp_path):
    with fit(tmp_path, 600) as first, fit(tmp_path, 400) as second:
        assert is_running(first)
        assert is_running(second)


def test_the_memory_of_a_killed_fit_is_free_at_once(tmp_path):
    with fit(tmp_path, 1000) as first:
        assert is_running(first)
        with fit(tmp_path, 1000) as second:
            wait_until(lambda: reservations(tmp_path) == 2)
            os.kill(first.pid, signal.SIGKILL)
            assert is_running(second)
            assert reservations(tmp_path) == 1
        assert reservations(tmp_path) == 1


def test_a_small_fit_does_not_overtake_a_large_one_that_waits(tmp_path):
    with fit(tmp_path, 600) as first:
        assert is_running(first)
        with fit(tmp_path, 900):
            wait_until(lambda: reservations(tmp_path) == 2)
            assert not reserved_now(tmp_path, 200)


def test_a_fit_larger_than_the_budget_runs_alone(tmp_path):
    assert reserved_now(tmp_path, 5000)


def test_memory_that_other_programs_took_is_said_and_tried_again_later(tmp_path):
    with (
        pytest.raises(RetryLaterError, match=r"tfidf needs about 600 MB.* only 500 MB"),
        MemoryBudget(tmp_path, 1000, lambda: 500.0).reserved(600, "tfidf"),
    ):
        pass


def test_nothing_stays_reserved_after_a_failed_fit(tmp_path):
    with pytest.raises(ZeroDivisionError), MemoryBudget(tmp_path, 1000).reserved(600, "a fit"):
        raise ZeroDivisionError
    assert reservations(tmp_path) == 0


def test_this_machine_has_memory_available():
    assert 0 < available_memory_mb() < 1e9


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux resets the peak")
def test_peak_is_what_the_block_took_and_not_what_came_before():
    bytearray(300 << 20)
    with resident_memory() as memory:
        bytearray(60 << 20)
    assert 55 < memory.peak_mb - memory.before_mb < 120
