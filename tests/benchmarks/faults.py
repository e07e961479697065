"""Faults of `make bench-faults`: injected one by one, each survived or not."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MODULES = ("faults_data", "faults_trust")
"""Faults of other parts: functions named ``fault_...`` that return (name, survived, details)."""


@dataclass(frozen=True)
class Injected:
    """A fault that was injected; ``detail`` says what went wrong if it was not survived."""

    kind: str
    name: str
    survived: bool
    detail: str
    seconds: float


def inject_all(kind: str, faults: Iterable[tuple[str, Callable[[], object]]]) -> Iterator[Injected]:
    """Inject faults one by one; one that raises was not survived."""
    for name, fault in faults:
        began = time.monotonic()
        try:
            fault()
        except Exception as error:  # whatever it is, it is the result
            detail = f"{type(error).__name__}: {error}"[:300]
            yield Injected(kind, name, False, detail, time.monotonic() - began)
        else:
            yield Injected(kind, name, True, "", time.monotonic() - began)


def faults_of_other_parts(work: Path) -> Iterator[Injected]:
    """Inject the faults of `MODULES`; a function may take a folder of its own."""
    for module_name in MODULES:
        path = f"tests.benchmarks.{module_name}"
        if find_spec(path) is None:
            continue
        functions = inspect.getmembers(import_module(path), inspect.isfunction)
        for name, function in functions:
            if not name.startswith("fault_"):
                continue
            arguments: list[Any] = []
            if inspect.signature(function).parameters:
                folder = work / name
                folder.mkdir()
                arguments.append(folder)
            began = time.monotonic()
            try:
                label, survived, details = function(*arguments)
            except Exception as error:
                label, survived, details = name, False, f"{type(error).__name__}: {error}"[:300]
            kind = module_name.removeprefix("faults_")
            yield Injected(kind, label, survived, str(details), time.monotonic() - began)


def check(condition: object, what: str) -> None:
    """Raise an AssertionError that says what was expected, unless ``condition`` is true."""
    if not condition:
        raise AssertionError(what)
