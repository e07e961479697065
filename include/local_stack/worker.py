"""
A Celery worker of Airflow that has imported its tasks' libraries before it forks their processes.

As `include.local_stack.scheduler` does it for the LocalExecutor.
"""

import os
import socket
import sys
from collections.abc import Sequence

from include.local_stack.old_logs import remove_daily
from include.local_stack.scheduler import run_airflow


def own_address() -> str:
    """Return where Airflow's api-server finds this worker's task logs."""
    return os.environ.get("WORKER_ADDRESS") or socket.gethostname()


def main(arguments: Sequence[str] | None = None) -> None:
    """Import the libraries, then become ``airflow celery worker`` with the same arguments."""
    from celery.signals import worker_ready

    worker_ready.connect(remove_daily, weak=False)
    given = sys.argv[1:] if arguments is None else list(arguments)
    run_airflow(["celery", "worker", *given])


if __name__ == "__main__":
    main()
