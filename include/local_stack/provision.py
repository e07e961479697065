"""
Set up what processes need before they start: folders, Airflow's login, schemas, pools.

``tagkeeper provision`` does it inside docker-compose; `stack.py` does the same
on this machine, partly in parallel.
"""

import json
import subprocess
from collections.abc import Mapping

from include.errors import FixSettingsError
from include.local_stack.credentials import AIRFLOW_USER, write_private
from include.local_stack.layout import StackLayout
from include.local_stack.private_folders import make_private
from include.local_stack.processes import setup_commands
from include.local_stack.watch import configure
from include.settings import Settings


def write_airflow_login(layout: StackLayout, password: str) -> None:
    """Write the file that Airflow's SimpleAuthManager reads."""
    write_private(layout.passwords_file, json.dumps({AIRFLOW_USER: password}) + "\n")


def make_folders(layout: StackLayout) -> None:
    """Make the folders that the processes need, and close all of them to other users."""
    for folder in (layout.logs, layout.airflow_home, layout.mail, layout.evidently):
        make_private(folder)
    for folder in layout.local.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            make_private(folder)


def provision(layout: StackLayout, environment: Mapping[str, str]) -> None:
    """
    Run all steps in order; safe to run again.

    Raises
    ------
    FixSettingsError
        If there is no password for Airflow's login or no token for Alertmanager, or a step fails.
    """
    password = environment.get("AIRFLOW_PASSWORD")
    if not password:
        raise FixSettingsError("AIRFLOW_PASSWORD is not set")
    token = environment.get("ALERT_WEBHOOK_TOKEN")
    if not token:
        raise FixSettingsError("ALERT_WEBHOOK_TOKEN is not set")
    make_folders(layout)
    configure(layout, Settings.from_env(), token)
    write_airflow_login(layout, password)
    for command in setup_commands(layout).values():
        if subprocess.run(command, cwd=layout.root, check=False).returncode != 0:
            raise FixSettingsError(f"{' '.join(command)} failed; its output is above")
