"""Health check of a docker-compose process: ``python -m include.local_stack.healthcheck NAME``."""

import argparse
import sys
from collections.abc import Sequence

from include.local_stack.health import is_healthy
from include.local_stack.layout import container_layout
from include.local_stack.processes import processes


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the process is healthy, 1 if not; the command of containers' health checks."""
    layout = container_layout()
    known = {process.name: process for process in processes(layout, sandbox_arguments=())}
    parser = argparse.ArgumentParser(prog="python -m include.local_stack.healthcheck")
    parser.add_argument("name", choices=sorted(known), help="the process")
    args = parser.parse_args(arguments)
    return 0 if is_healthy(known[args.name], layout) else 1


if __name__ == "__main__":
    sys.exit(main())
