"""Collection: doctests only from the modules that have them, and no garbage collection."""

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent


@pytest.hookimpl
def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out a module that holds neither tests nor an example; None lets pytest decide."""
    if collection_path.suffix != ".py" or not collection_path.is_relative_to(ROOT):
        return None
    if collection_path.name.startswith("test_"):
        return None
    return None if ">>> " in collection_path.read_text(encoding="utf-8") else True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import all tests without searching for garbage, nor in what they have made later."""
    gc.disable()  # it takes a third of the collection's processor time, in every worker
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
