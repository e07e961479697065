"""Which code made a model: a hash that is equal for equal code, and the git commit for people."""

import ast
import hashlib
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_INCLUDE: Final = Path(__file__).resolve().parents[2]

MODEL_PARTS: Final = ("text", "candidates", "evaluation", "fit_and_score", "datasets")
"""What a model and its figures depend on: other changes must not retrain anything."""

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
"""Path of each part below ``include``. The hash uses these names, not the paths."""


@cache
def code_version(parts: tuple[str, ...] = MODEL_PARTS) -> str:
    """
    Return twelve hexadecimal digits that change whenever a model or its figures could.

    Comments, docstrings, formatting and the modules that names are imported from do not count:
    moving a file retrains nothing.

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
                digest.update(hashlib.sha256(_hashed_content(path)).digest())
    return digest.hexdigest()[:12]


def _hashed_content(path: Path) -> bytes:
    """Return what the hash covers: the syntax tree of a Python file, every byte of others."""
    if path.suffix != ".py":
        return path.read_bytes()
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            node.module = None
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [child for child in body if not _is_docstring(child)]  # type: ignore[attr-defined]
    return ast.dump(tree).encode()


def _is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is a bare string, as docstrings are."""
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
