"""All families by name: create, save with a description, and load from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from include.candidates.base import Candidate, EncoderFactory
from include.candidates.model_files import read_json, write_json
from include.errors import FixInputError, ModelUnusableError
from include.families import BY_NAME, Family

DESCRIPTION_FILE: Final = "candidate.json"
"""Describes the saved candidate; written beside its own files."""


def make_candidate(
    name: str, parameters: Mapping[str, Any] | None, encoders: EncoderFactory
) -> Candidate:
    """
    Return an untrained candidate.

    Parameters
    ----------
    name : str
        One of `include.families.FAMILIES`.
    parameters : mapping or None
        Fields of the family's parameters that differ from their defaults.
    encoders : callable
        Returns an encoder by name, for the families with embeddings.

    Raises
    ------
    FixInputError
        If the name or a parameter is unknown, or a parameter has the wrong type.
    """
    family = _family(name)
    parameters_type = _parameters_of(name)
    values = dict(parameters or {})
    defaults = {field.name: field.default for field in fields(parameters_type)}
    for field, value in values.items():
        if field not in defaults:
            allowed = ", ".join(defaults) or "none"
            raise FixInputError(f"candidate {name!r} has no parameter {field!r}; it has: {allowed}")
        values[field] = _checked(name, field, value, defaults[field])
    constructor: Any = family
    candidate: Candidate = constructor(parameters_type(**values), encoders)
    return candidate


def save_candidate(candidate: Candidate, folder: Path, description: Mapping[str, Any]) -> None:
    """
    Write a trained candidate and its description into ``folder``, made if absent.

    Parameters
    ----------
    candidate : Candidate
        Trained.
    folder : Path
        Empty or absent.
    description : mapping
        Plain JSON values: training window, dataset id, metrics.

    Raises
    ------
    FixInputError
        If the folder is not empty: files of an older model must not mix with this one's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FixInputError(f"{folder} is not empty: save each candidate into its own folder")
    candidate.save(folder)
    written = {
        **description,
        "candidate": candidate.name,
        "parameters": candidate.get_params(),
        "vocabulary": list(candidate.vocabulary),
    }
    write_json(folder, DESCRIPTION_FILE, written)


def load_candidate(folder: Path, encoders: EncoderFactory) -> Candidate:
    """
    Return the candidate in ``folder``; only its own family's libraries are imported.

    Raises
    ------
    ModelUnusableError
        If the folder contains no candidate, an unknown one, or damaged files.
    """
    description = read_description(folder)
    name = str(description["candidate"])
    if name not in BY_NAME:
        raise ModelUnusableError(f"{folder / DESCRIPTION_FILE} names an unknown candidate {name!r}")
    try:
        return _family(name).load(folder, encoders)
    except (KeyError, TypeError) as error:
        raise ModelUnusableError(f"{folder} is damaged or of another version: {error!r}") from error


def read_description(folder: Path) -> dict[str, Any]:
    """Return what `save_candidate` wrote to ``candidate.json``; else ModelUnusableError."""
    description = read_json(folder, DESCRIPTION_FILE)
    if not isinstance(description, dict) or "candidate" not in description:
        raise ModelUnusableError(f"{folder / DESCRIPTION_FILE} does not name its candidate")
    return description


def _family(name: str) -> type[Candidate]:
    """Return the family's class; its module and dependencies are imported only now."""
    if name not in BY_NAME:
        raise FixInputError(f"unknown candidate {name!r}; choose from {', '.join(BY_NAME)}")
    row = BY_NAME[name]
    family: type[Candidate] = getattr(_module(row), row.class_name)
    return family


def _parameters_of(name: str) -> Any:
    """Return the family's frozen dataclass of parameters."""
    row = BY_NAME[name]
    return getattr(_module(row), row.parameters_class)


def _module(row: Family) -> ModuleType:
    return import_module(f"include.candidates.{row.module}")


def _checked(name: str, field: str, value: Any, default: Any) -> Any:
    """Return ``value`` as the type of ``default``; integers are accepted for floats."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if default is not None and type(value) is not type(default):
        expected = type(default).__name__
        raise FixInputError(f"{name}: {field} must be {expected}, got {value!r}")
    return value
