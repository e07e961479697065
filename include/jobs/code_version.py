"""Which code made a model: a hash that any copy of the code gives, and git's word for people."""

import hashlib
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

_INCLUDE: Final = Path(__file__).resolve().parents[1]
_DECISIVE: Final = ("text", "candidates", "evaluation", "jobs/measuring.py", "jobs/datasets.py")
"""What a model and its figures depend on: a change elsewhere must not train everything again."""


@cache
def code_version(parts: tuple[str, ...] = _DECISIVE) -> str:
    """
    Return twelve hexadecimal digits that change whenever a model or its figures could.

    Parameters
    ----------
    parts : tuple of str
        Files and folders below ``include`` that decide; by default those that a model depends on.
    """
    digest = hashlib.sha256()
    for part in parts:
        root = _INCLUDE / part
        paths = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in paths:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(_INCLUDE).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


@cache
def git_version() -> str:
    """Return the commit, with ``-dirty`` if files differ from it; ``unknown`` outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(  # noqa: S603  # a fixed command
            command, cwd=_INCLUDE, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()
