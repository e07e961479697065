"""Folders that only their owner can enter, also in a temporary folder that everybody shares."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from include.errors import FixSettingsError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def temporary_folder() -> Path:
    """
    Return this user's private folder in the shared temporary folder, made if needed.

    Anybody may have made it before: what is not a folder of this user that nobody else can enter is
    refused.

    Raises
    ------
    FixSettingsError
        If something else has its name.
    """
    folder = Path(tempfile.gettempdir()) / f"tagkeeper-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not ours or found.st_mode & _OTHERS:
            raise FixSettingsError(
                f"{folder} is not a private folder of this user: remove it, or set TMPDIR to a "
                "folder of your own"
            ) from None
    return folder


def make_private(folder: Path) -> None:
    """Make ``folder`` with its parents, or close it to others if it exists."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _OTHERS and folder.stat().st_uid == os.geteuid():
        folder.chmod(mode & ~_OTHERS)
