"""How many threads a fit may use."""

import os

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
"""Variables by which a process that trains beside others limits the threads of linear algebra."""


def fit_threads() -> int:
    """Return the limit in the environment; without one, the cores that this process may use."""
    for name in _VARIABLES:
        if (value := os.environ.get(name, "")).isdecimal() and int(value) > 0:
            return int(value)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
