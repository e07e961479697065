"""
Airflow's scheduler, with the libraries of the tasks imported before it forks their processes.

On Linux every task of the LocalExecutor runs in a fork of the scheduler's process. What is imported
here is not imported again by each task, which takes about three processor seconds for a training.
The project's own modules are not: a task always runs the code that is on disk.
"""

import importlib
import runpy
import sys
from collections.abc import Sequence
from typing import Final

LIBRARIES: Final = (
    "pydantic_settings",
    "requests",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "numpy",
    "scipy.sparse",
    "scipy.stats",
    "pandas",
    "mlflow.pyfunc",
    "mlflow.tracking",
    "selectolax.lexbor",
    "sklearn.linear_model",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
)
"""Needed by most tasks; none starts a thread, which would not survive the fork."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Import the libraries, then become ``airflow scheduler`` with the same arguments."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    run_airflow(["scheduler", *given])


def run_airflow(arguments: Sequence[str]) -> None:
    """Import the libraries, then become ``airflow`` with these arguments."""
    for library in LIBRARIES:
        importlib.import_module(library)
    sys.argv = ["airflow", *arguments]
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
