"""Run Airflow's commands in this process: importing Airflow takes longer than most of them."""

import runpy
import sys

from include.errors import FixSettingsError


def run_airflow(*arguments: str) -> None:
    """
    Be the command ``airflow ARGUMENTS`` until it ends; what it imports serves the next one.

    Raises
    ------
    FixSettingsError
        If it fails; what it says is in this process's output.
    """
    given, sys.argv = sys.argv, ["airflow", *arguments]
    try:
        runpy.run_module("airflow", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code not in {None, 0}:
            raise FixSettingsError(f"airflow {' '.join(arguments)} failed: {ended.code}") from ended
    finally:
        sys.argv = given
