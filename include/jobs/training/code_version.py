"""Which code made a model: a hash that any copy of the code gives, and git's word for people."""

import ast
import hashlib
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_INCLUDE: Final = Path(__file__).resolve().parents[2]

DECIDES_MODELS: Final = ("text", "candidates", "evaluation", "fit_and_score", "datasets")
"""What a model and its figures depend on: a change elsewhere must not train everything again."""

PARTS: Final[Mapping[str, str]] = {
    "text": "text",
    "candidates": "candidates",
    "evaluation": "evaluation",
    "drift": "drift",
    "pages": "pages",
    "fit_and_score": "jobs/training/fit_and_score.py",
    "datasets": "jobs/data/datasets.py",
    "stability_alarms": "jobs/stability/alarms.py",
    "stability_causes": "jobs/stability/causes.py",
    "stability_questions": "jobs/stability/questions.py",
    "stability_report": "jobs/stability/report.py",
}
"""Where each part stands below ``include``. The hash knows parts by these names, not by path."""


@cache
def code_version(parts: tuple[str, ...] = DECIDES_MODELS) -> str:
    """
    Return twelve hexadecimal digits that change whenever a model or its figures could.

    Comments, docstrings, formatting, and the places from which names are imported do not count:
    a file that moves trains nothing again.

    Parameters
    ----------
    parts : tuple of str
        Names in `PARTS`; by default those that a model depends on.

    Raises
    ------
    KeyError
        If a part is not in `PARTS`.
    """
    digest = hashlib.sha256()
    for part in parts:
        root = _INCLUDE / PARTS[part]
        paths = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in paths:
            if path.is_file() and "__pycache__" not in path.parts:
                below = path.relative_to(root).as_posix() if path != root else ""
                digest.update(f"{part}/{below}\0".encode())
                digest.update(hashlib.sha256(_deciding_content(path)).digest())
    return digest.hexdigest()[:12]


def _deciding_content(path: Path) -> bytes:
    """Return what a file makes happen: for Python its syntax tree, for others every byte."""
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            node.module = None
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [child for child in body if not _is_text(child)]  # type: ignore[attr-defined]
    return ast.dump(tree).encode()


def _is_text(node: ast.AST) -> bool:
    """Tell whether a statement is a string that nobody reads: a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


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
