"""How much longer this machine takes now than a quick and quiet one, measured in milliseconds."""

import os
import time
from dataclasses import dataclass
from typing import Final

import psutil

_LOOPS: Final = 300_000
# Processor seconds of the loop on the machine on which the base times were set
_REFERENCE_S: Final = 0.022
MAX_FACTOR: Final = 12.0
_BUSY_FACTOR: Final = 2.0


@dataclass(frozen=True)
class MachineLoad:
    """
    Speed and load of this machine at one moment.

    Parameters
    ----------
    slowness : float
        Processor seconds of a fixed loop relative to the reference machine, > 0; 2 is half as fast.
    contention : float
        Wall-clock seconds of the loop per processor second, >= 1.
    load : float
        Processes that run or wait for a processor, averaged over the last minute.
    cores : int
        Processors that this process may use, >= 1.
    steal : float
        Share of the processor time that the hypervisor gave to others since the last measurement,
        in [0, 1].
    """

    slowness: float
    contention: float
    load: float
    cores: int
    steal: float

    @property
    def factor(self) -> float:
        """How many times longer work takes than on the quiet reference machine, in [1, 12]."""
        shared = max(self.contention, self.load / self.cores, 1 / max(1 - self.steal, 0.05))
        return min(max(1.0, self.slowness) * max(1.0, shared), MAX_FACTOR)

    @property
    def busy(self) -> bool:
        """Whether other work, here or of the hypervisor's other guests, explains slow progress."""
        return self.factor >= _BUSY_FACTOR

    def __str__(self) -> str:
        """Describe it for the message of a wait that failed."""
        figures = (
            f"load {self.load:.1f} on {self.cores} cores, {self.steal:.0%} of the time stolen by "
            f"the hypervisor, {self.factor:.1f} times as slow as the quiet reference"
        )
        return f"The machine is {'busy' if self.busy else 'not busy'}: {figures}."


class LoadMeter:
    """Measures the machine's load; each measurement takes about 20 ms of processor time."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def measure(self) -> MachineLoad:
        """Return the load now; the share of stolen time is that since the last call."""
        started, spent = time.perf_counter(), time.thread_time()
        _calibration_loop()
        spent, elapsed = time.thread_time() - spent, time.perf_counter() - started
        before, self._before = self._before, psutil.cpu_times()
        passed = sum(self._before) - sum(before)
        stolen = getattr(self._before, "steal", 0.0) - getattr(before, "steal", 0.0)
        return MachineLoad(
            slowness=max(spent, 1e-6) / _REFERENCE_S,
            contention=max(1.0, elapsed / max(spent, 1e-6)),
            load=psutil.getloadavg()[0],
            cores=available_cores(),
            steal=min(max(stolen / passed, 0.0), 1.0) if passed > 0 else 0.0,
        )


def patience_s(quiet_s: float) -> float:
    """
    Return how long to wait now for one answer or one process to end, in seconds.

    Parameters
    ----------
    quiet_s : float
        Enough on the quiet reference machine, > 0; prolonged by `MachineLoad.factor`.
    """
    return quiet_s * LoadMeter().measure().factor


def available_cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _calibration_loop() -> int:
    total = 0
    for number in range(_LOOPS):
        total += number * number % 7
    return total
