"""Collect doctests only from the modules that have them: importing all of them takes minutes."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
PACKAGES = ("include", "serving")


@pytest.hookimpl
def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a module of the product that holds no example; None lets pytest decide."""
    inside = collection_path.relative_to(ROOT).parts if collection_path != ROOT else ()
    if not inside or inside[0] not in PACKAGES or collection_path.suffix != ".py":
        return None
    return None if ">>> " in collection_path.read_text(encoding="utf-8") else True
