"""
Memory that fits on one machine reserve, so that together they never exceed its budget.

A pool of slots counts fits, whatever they need. Here each fit reserves its own estimate and waits
for its turn, first come, first served, so that a large fit is not overtaken for ever. A reservation
is a file in a folder that all processes of the machine share. Its owner keeps it locked, so the
system releases it when that process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from include.capacity import available_memory_mb, configured_capacity
from include.errors import RetryLaterError
from include.settings import Settings

log = logging.getLogger(__name__)

_POLL_S: Final = 1.0
_RETRY_AFTER_S: Final = 600.0
_TURNS: Final = "turns.lock"
"""Locked while reservations are made or counted."""
_SUFFIX: Final = ".reservation"
_OWN_PROCESS: Final = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """
    The memory that all fits of a machine may take together.

    Parameters
    ----------
    folder : Path
        Of the reservations; on a disk of this machine, created if it is missing.
    budget_mb : int
        MiB, >= 1.
    available_mb : callable
        Returns the MiB that programs can still take now.
    """

    folder: Path
    budget_mb: int
    available_mb: Callable[[], float] = available_memory_mb

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the budget of this machine, with its reservations in ``LOCAL_DIR``."""
        return cls(settings.local_dir / "memory", configured_capacity(settings).memory_mb)

    @contextmanager
    def reserved(self, needed_mb: float, purpose: str) -> Iterator[None]:
        """
        Wait until the budget has room for a fit besides those that came before; then hold it.

        A fit that needs more than the budget waits until it is alone.

        Parameters
        ----------
        needed_mb : float
            Estimate of the fit, >= 0; see `include.candidates.base.Candidate.fit_memory_mb`.
        purpose : str
            For the log.

        Raises
        ------
        RetryLaterError
            If no other fit is running, and other programs have left too little memory.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path, descriptor = self._reserve(math.ceil(needed_mb))
        try:
            self._wait_for_turn(path, needed_mb, purpose)
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    def _reserve(self, needed_mb: int) -> tuple[Path, int]:
        """Create the next reservation and lock it."""
        with self._turns():
            number = 1 + max(map(_number, self._reservations()), default=0)
            path = self.folder / f"{number}-{needed_mb}{_SUFFIX}"
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return path, descriptor

    def _wait_for_turn(self, path: Path, needed_mb: float, purpose: str) -> None:
        waiting = False
        while True:
            before = self._reserved_before(path)
            enough = needed_mb <= self.available_mb()
            if enough and (not before or sum(before) + needed_mb <= self.budget_mb):
                return
            if not before:
                raise RetryLaterError(
                    f"{purpose} needs about {needed_mb:,.0f} MB, but other programs have left only "
                    f"{self.available_mb():,.0f} MB of this machine's memory: stop some, or train "
                    "on fewer months",
                    retry_after_s=_RETRY_AFTER_S,
                )
            if not waiting:
                log.info(
                    "%s needs %.0f MB and waits: %d MB of %d are reserved by %d fits before it",
                    *(purpose, needed_mb, sum(before), self.budget_mb, len(before)),
                )
                waiting = True
            time.sleep(_POLL_S)

    def _reserved_before(self, path: Path) -> list[int]:
        """Return the MiB of each earlier reservation; those of processes that ended are deleted."""
        with self._turns():
            earlier = [other for other in self._reservations() if _number(other) < _number(path)]
            return [_size_mb(other) for other in earlier if not _delete_if_abandoned(other)]

    def _reservations(self) -> list[Path]:
        return list(self.folder.glob(f"*{_SUFFIX}"))

    @contextmanager
    def _turns(self) -> Iterator[None]:
        with (self.folder / _TURNS).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def reserved(
    budget: MemoryBudget | None, needed_mb: float, purpose: str
) -> AbstractContextManager[None]:
    """Return `MemoryBudget.reserved`; a context that does nothing without a budget."""
    return nullcontext() if budget is None else budget.reserved(needed_mb, purpose)


@dataclass(slots=True)
class ResidentMemory:
    """
    What of this process is in main memory, in MiB; NaN where the system does not say.

    Parameters
    ----------
    before_mb : float
        When the measurement began.
    peak_mb : float
        The most since then, known when the measurement has ended.
    """

    before_mb: float
    peak_mb: float = math.nan


@contextmanager
def resident_memory() -> Iterator[ResidentMemory]:
    """
    Measure the resident memory of this process, with all its threads, while a block runs.

    The measurement is Linux's own, of the whole process: two at once share their peak.

    References
    ----------
    .. [1] proc(5): VmRSS and VmHWM of ``/proc/pid/status``; writing 5 to ``/proc/pid/clear_refs``
       resets VmHWM.
    """
    try:
        (_OWN_PROCESS / "clear_refs").write_text("5")
    except OSError:  # not Linux, or forbidden: then the peak is unknown
        yield ResidentMemory(math.nan)
        return
    memory = ResidentMemory(_status_mb("VmRSS"))
    yield memory
    memory.peak_mb = _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    """Return a size of this process in MiB, as the system names it."""
    lines = (_OWN_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _size_mb(path: Path) -> int:
    return int(path.name.removesuffix(_SUFFIX).partition("-")[2])


def _delete_if_abandoned(path: Path) -> bool:
    """Return whether the owner of a reservation has given it up or has ended."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
