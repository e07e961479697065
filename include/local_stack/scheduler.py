"""
Airflow's scheduler, with the libraries of the tasks imported before it forks their processes.

On Linux every task of the LocalExecutor runs in a fork of the scheduler's process. What is imported
here is not imported again by each task, which takes about two processor seconds for a training.
The project's own modules are not: a task always runs the code that is on disk.
"""

import argparse
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
)
"""Needed by most tasks; none starts a thread, which would not survive the fork."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Import the libraries, then become ``airflow scheduler`` with the same arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m include.local_stack.scheduler",
        description="Airflow's scheduler with the libraries of tasks imported in advance. Other "
        "arguments are passed to `airflow scheduler`.",
    )
    parser.add_argument("--skip-serve-logs", action="store_true", help="as of airflow scheduler")
    args, others = parser.parse_known_args(arguments)
    for library in LIBRARIES:
        importlib.import_module(library)
    skip = ["--skip-serve-logs"] if args.skip_serve_logs else []
    sys.argv = ["airflow", "scheduler", *skip, *others]
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
