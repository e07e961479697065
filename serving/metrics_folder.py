"""
The folder in which the workers of one start share their metrics.

Each start has a folder of its own, locked while its processes live: a second start, or an upgrade
that starts beside the running service, leaves that one's figures alone. Folders of ended starts are
removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from include.errors import FixSettingsError

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Set for `prometheus_client`; a value of the user's is the parent of the starts' folders."""

_MADE_BY: Final = "TAGKEEPER_METRICS_OF"
_LOCK: Final = "lock"
_PREFIX: Final = "start-"


def make_metrics_folder(environment: MutableMapping[str, str], local_dir: Path) -> None:
    """
    Make this start's folder and name it in ``environment``; once per process, not at a reload.

    Parameters
    ----------
    environment : mapping
        Of this process.
    local_dir : Path
        The folder's place if `VARIABLE` is not set, or empty.

    Raises
    ------
    FixSettingsError
        If `VARIABLE` is the working directory.
    """
    pid, _, parent = environment.get(_MADE_BY, "").partition(" ")
    if pid == str(os.getpid()):
        return
    # A new master that an old one started (SIGUSR2) inherits both variables
    chosen = parent or environment.get(VARIABLE, "").strip()
    folder = Path(chosen) if chosen else local_dir.resolve() / "service-metrics"
    if folder.resolve() == Path.cwd():
        raise FixSettingsError(
            f"{VARIABLE} is the working directory: name a folder for metrics alone, or unset it"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_ended(folder)
    own = folder / f"{_PREFIX}{os.getpid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    _lock(own)
    environment[VARIABLE] = str(own.resolve())
    environment[_MADE_BY] = f"{os.getpid()} {folder.resolve()}"


def _remove_ended(folder: Path) -> None:
    """Remove the folders of starts none of whose processes lives."""
    for path in folder.glob(f"{_PREFIX}[0-9]*"):
        descriptor = _lock(path)
        if descriptor is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Lock a folder until every process that inherits the descriptor has ended; None if taken."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(folder / _LOCK, flags, 0o600)
    except OSError:  # another start has just removed it, or it is not ours
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
