"""How much of a machine each part of the platform may use: cores and memory."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.settings import Settings

MAX_TRAINING_SLOTS: Final = 4
"""More fits at once would each have little memory, and wait for PostgreSQL and MLflow."""

_MB: Final = 1 << 20
_TRAINING_SHARE: Final = 0.6  # of the memory; the rest is for PostgreSQL, servers and the system
_MEMORY_PER_FIT_MB: Final = 6_000  # hybrid at 20,000 questions and some hundred tags
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMORY_INFO: Final = Path("/proc/meminfo")
_PROCESSOR_INFO: Final = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """
    What this process may use of its machine.

    Parameters
    ----------
    cores : int
        Processors, >= 1.
    memory_mb : int
        Main memory in MiB, within the limit of a container, >= 1.
    """

    cores: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class TrainingCapacity:
    """
    What trainings may use.

    Parameters
    ----------
    slots : int
        Trainings at once, >= 1: slots of the pool `training`.
    threads : int
        Threads of linear algebra of each, >= 1.
    memory_mb : int
        MiB of all of them together, which leaves room for the rest of the platform; see
        `include.memory_budget`.
    """

    slots: int
    threads: int
    memory_mb: int


def this_machine() -> Machine:
    """Return the cores and the memory that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [_limit(path) for path in _CGROUP_LIMITS]
    return Machine(cores or 1, max(1, min([memory, *filter(None, limits)]) // _MB))


def machine_label() -> str:
    """
    Return the processor's name and the cores that this process may use.

    Machines with the same label work about equally fast, whatever their names are.
    """
    try:
        lines = _PROCESSOR_INFO.read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = next(iter(models), "") or platform.processor() or platform.machine()
    return f"{model}, {this_machine().cores} cores"


def available_memory_mb() -> float:
    """Return the MiB that programs can still take; infinite where the system does not say."""
    try:
        lines = _MEMORY_INFO.read_text().splitlines()
    except OSError:
        return math.inf
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return kilobytes[0] / 1024 if kilobytes else math.inf


def _limit(path: Path) -> int | None:
    """Return the bytes in a control group's file; None if it sets no limit."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def training_capacity(
    machine: Machine,
    *,
    slots: int | None = None,
    threads: int | None = None,
    memory_mb: int | None = None,
) -> TrainingCapacity:
    """
    Return what trainings may use of a machine; what is given is kept.

    Cores are divided by the slots, so that trainings at once do not wait for each other's threads.
    Memory is not: one training may take all of it while others wait.

    Parameters
    ----------
    machine : Machine
    slots, threads, memory_mb : int or None
        As in `TrainingCapacity`; None to follow the machine.

    Examples
    --------
    >>> training_capacity(Machine(cores=2, memory_mb=24_000))
    TrainingCapacity(slots=2, threads=1, memory_mb=14400)
    >>> training_capacity(Machine(cores=16, memory_mb=64_000))
    TrainingCapacity(slots=4, threads=4, memory_mb=38400)
    >>> training_capacity(Machine(cores=8, memory_mb=8_000))
    TrainingCapacity(slots=1, threads=8, memory_mb=4800)
    """
    memory_mb = memory_mb or max(1, int(machine.memory_mb * _TRAINING_SHARE))
    by_memory = memory_mb // _MEMORY_PER_FIT_MB
    slots = slots or max(1, min(machine.cores, by_memory, MAX_TRAINING_SLOTS))
    return TrainingCapacity(
        slots=slots,
        threads=threads or max(1, machine.cores // slots),
        memory_mb=memory_mb,
    )


def configured_capacity(settings: Settings) -> TrainingCapacity:
    """Return what trainings may use of this machine, with the settings' own values."""
    return training_capacity(
        this_machine(),
        slots=settings.training_slots,
        threads=settings.training_threads,
        memory_mb=settings.training_memory_mb,
    )


def postgres_memory(memory_mb: int) -> dict[str, str]:
    """
    Return PostgreSQL's memory settings on a machine that it shares with the platform.

    The manual's quarter of the memory for ``shared_buffers`` is for a machine of its own; an eighth
    leaves room for trainings.

    Parameters
    ----------
    memory_mb : int
        MiB of main memory, >= 1.

    Examples
    --------
    >>> postgres_memory(24_000)["shared_buffers"], postgres_memory(500)["shared_buffers"]
    ('3000MB', '128MB')

    References
    ----------
    .. [1] PostgreSQL, Resource Consumption,
       https://www.postgresql.org/docs/current/runtime-config-resource.html
    """

    def share(divisor: int, low: int, high: int) -> str:
        return f"{min(max(memory_mb // divisor, low), high)}MB"

    return {
        "shared_buffers": share(8, 128, 8192),
        "effective_cache_size": share(2, 512, 65536),
        "maintenance_work_mem": share(32, 64, 1024),
        "work_mem": share(1024, 4, 64),
        "max_wal_size": share(8, 1024, 4096),
    }
