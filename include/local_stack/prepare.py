"""
What must be there before the first process starts: folders, Airflow's login, schemas, pools.

``python -m include.local_stack.prepare`` does it inside docker-compose; `stack.py` does the same on
this machine, where it may run side by side.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from include.errors import FixSettingsError
from include.local_stack.credentials import AIRFLOW_USER, write_private
from include.local_stack.place import Place, container_place
from include.local_stack.processes import migration_commands, pools_command


def write_login(place: Place, password: str) -> None:
    """Write the file that Airflow's SimpleAuthManager reads."""
    write_private(place.passwords_file, json.dumps({AIRFLOW_USER: password}) + "\n")


def make_folders(place: Place) -> None:
    """Make the folders that processes expect."""
    for folder in (place.logs, place.airflow_home, place.mail, place.evidently):
        folder.mkdir(parents=True, exist_ok=True)


def prepare(place: Place, environment: Mapping[str, str]) -> None:
    """
    Do all of it, one after another; safe to run again.

    Raises
    ------
    FixSettingsError
        If there is no password for Airflow's login, or a step fails.
    """
    password = environment.get("AIRFLOW_PASSWORD")
    if not password:
        raise FixSettingsError("AIRFLOW_PASSWORD is not set")
    make_folders(place)
    write_login(place, password)
    for command in (*migration_commands().values(), pools_command(place)):
        if subprocess.run(command, cwd=place.root, check=False).returncode != 0:
            raise FixSettingsError(f"{' '.join(command)} failed; its words are above")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare the containers' common volume and databases."""
    parser = argparse.ArgumentParser(
        prog="python -m include.local_stack.prepare",
        description="Inside docker-compose: folders, Airflow's login, schemas, pools.",
    )
    parser.parse_args(arguments)
    try:
        prepare(container_place(), os.environ)
    except FixSettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
