"""
Airflow's pools: made once, follow the machine and the settings, and keep what a user has set.

Each start compares the pools in Airflow with those that the last one made. One that somebody has
changed since, in Airflow's UI or command line, is left alone.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from include import names
from include.capacity import TrainingCapacity
from include.local_stack.airflow_command import run_airflow

log = logging.getLogger(__name__)

Pool = Mapping[str, Any]
"""As in Airflow's files of pools: ``slots``, ``description``, ``include_deferred``."""

RECORD: Final = "pools.json"
"""Name of the file, in Airflow's folder, of the pools that were made last."""

_API_SLOTS: Final = 2
# Before there was a record, these were written at each start.
_FIRST_SLOTS: Final = {names.POOL_API: 2, names.POOL_TRAINING: 2}


def planned_pools(capacity: TrainingCapacity) -> dict[str, Pool]:
    """Return the pools that DAGs name, with the slots that the machine and the settings give."""
    descriptions = {
        names.POOL_API: (_API_SLOTS, "windows fetched at once from one address"),
        names.POOL_TRAINING: (
            capacity.slots,
            f"trainings at once, each with {capacity.threads} threads, of {capacity.memory_mb} MB",
        ),
    }
    return {
        name: {"slots": slots, "description": description, "include_deferred": False}
        for name, (slots, description) in descriptions.items()
    }


def pools_to_import(
    planned: Mapping[str, Pool], existing: Mapping[str, Pool], made: Mapping[str, int]
) -> dict[str, Pool]:
    """
    Return the planned pools to write: missing ones, and changed ones that nobody else has changed.

    Parameters
    ----------
    planned : mapping of str to Pool
    existing : mapping of str to Pool
        The pools in Airflow.
    made : mapping of str to int
        Slots of the pools that were written last.
    """
    return {
        name: pool
        for name, pool in planned.items()
        if name not in existing
        or (existing[name]["slots"] == made.get(name) and existing[name]["slots"] != pool["slots"])
    }


def update_pools(airflow_home: Path, capacity: TrainingCapacity) -> dict[str, Pool]:
    """
    Bring Airflow's pools up to date; return those that were written.

    Raises
    ------
    FixSettingsError
        If the command ``airflow`` fails.
    """
    record = airflow_home / RECORD
    made = json.loads(record.read_text()) if record.exists() else _FIRST_SLOTS
    planned = planned_pools(capacity)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pools.json"
        run_airflow("pools", "export", str(file))
        existing = json.loads(file.read_text())
        changed = pools_to_import(planned, existing, made)
        if changed:
            file.write_text(json.dumps(changed))
            run_airflow("pools", "import", str(file))
    for name in planned.keys() - changed.keys():
        if existing[name]["slots"] != planned[name]["slots"]:
            log.warning("pool %s keeps the %d slots set by a user", name, existing[name]["slots"])
    slots = {name: pool["slots"] for name, pool in changed.items()}
    record.write_text(json.dumps({**made, **slots}) + "\n")
    return changed
