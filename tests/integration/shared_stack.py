"""The one platform that the tests of `test_local_stack*.py` share, where they do not need their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from include.local_stack.orphans import find_orphans
from include.local_stack.state import read_state
from include.local_stack.watch import PROGRAMS, find_programs
from tests.watched_command import run_watched

MONTHS = tuple(f"2023-0{month}" for month in range(1, 9))
"""Months that the first champion learns from."""
QUIET, EVENT, AFTER = "2023-09", "2023-10", "2023-11"
"""The sandbox site's first event, with the months around it."""


def is_watched() -> bool:
    """Return whether Prometheus and Alertmanager are installed, so that the platform has them."""
    return set(PROGRAMS) <= set(find_programs())


def command(local: Path, name: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run ``tagkeeper NAME`` with the settings of the shared platform in a folder."""
    unset = ("DATABASE_URL", "SITE", "DATA", "LIVE", "STACKEXCHANGE_API_URL")
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    own = {
        "LOCAL_DIR": str(local),
        "INGEST_WINDOW_DAYS": "31",
        "CANDIDATES": "frequency,tfidf",
        "WATCH": "1" if is_watched() else "",
        "WATCH_INTERVAL_S": "1",
        "EXPORTER_INTERVAL_S": "1",
    }
    return run_watched(
        [sys.executable, "-m", "include.cli", name], env=environment | own | settings
    )


def stack_processes(local: Path) -> list[psutil.Process]:
    """Return every process of the platform in a folder, also of one that is stopped."""
    state = read_state(local)
    return find_orphans(local, None if state is None else state.session)
