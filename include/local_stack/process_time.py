"""Processor time and memory of processes with their descendants."""

import psutil


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; none if it is gone or ``pid`` is 0."""
    if pid == 0:
        return []
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def processor_seconds(process: psutil.Process) -> float:
    """Return a process's time and that of its children that have ended; 0 if it has just gone."""
    return _own_seconds(process) + _ended_children_seconds(process)


def task_seconds(parent_pid: int) -> float:
    """
    Return the processor time of Airflow's tasks so far: of those that run and those that ended.

    The LocalExecutor's workers are children of the scheduler, those of Celery children of a main
    process; each task's process is a child of a worker. The workers' own time is left out: they
    also send a hanging task's heartbeats.
    """
    try:
        workers = psutil.Process(parent_pid).children() if parent_pid else []
    except psutil.Error:
        return 0.0
    return sum(
        _ended_children_seconds(worker)
        + sum(processor_seconds(task) for task in family(worker.pid)[1:])
        for worker in workers
    )


def resident_mb(pid: int) -> float:
    """Return the resident memory in MB of a process and its descendants."""
    total = 0
    for process in family(pid):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 1e6


def _own_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _ended_children_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.children_user + times.children_system)
