"""Tell whether a process of docker-compose is well: `python -m include.local_stack.probe`."""

import argparse
import sys
from collections.abc import Sequence

from include.local_stack.health import is_well
from include.local_stack.place import container_place
from include.local_stack.processes import processes


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the process does its work, 1 if not; what a container's health check runs."""
    place = container_place()
    known = {process.name: process for process in processes(place, sandbox_arguments=())}
    parser = argparse.ArgumentParser(prog="python -m include.local_stack.probe")
    parser.add_argument("name", choices=sorted(known), help="the process")
    chosen = parser.parse_args(arguments)
    return 0 if is_well(known[chosen.name], place) else 1


if __name__ == "__main__":
    sys.exit(main())
