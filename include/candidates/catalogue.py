"""All families by name: make one, save one with its description, load one from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from include.candidates.base import Candidate, EncoderFactory
from include.candidates.folder import read_json, write_json
from include.errors import FixInputError, ModelUnusableError
from include.names import CANDIDATES

DESCRIPTION_FILE: Final = "candidate.json"
"""What the folder holds, for people and programs; written beside the candidate's own files."""

_FAMILIES: Final = {
    "frequency": ("frequency", "Frequency"),
    "tfidf": ("tfidf", "Tfidf"),
    "lda": ("lda", "Lda"),
    "word2vec": ("word2vec", "Word2Vec"),
    "bert": ("bert", "Bert"),
    "use": ("use", "Use"),
    "hybrid": ("hybrid", "Hybrid"),
}


def make_candidate(
    name: str, parameters: Mapping[str, Any] | None, encoders: EncoderFactory
) -> Candidate:
    """
    Return an untrained candidate.

    Parameters
    ----------
    name : str
        One of `include.names.CANDIDATES`.
    parameters : mapping or None
        Fields of the family's parameters that differ from their defaults.
    encoders : callable
        Makes an encoder by name, for the families that embed.

    Raises
    ------
    FixInputError
        If the name or a parameter is unknown, or a parameter has the wrong type.
    """
    family = _family(name)
    kind = _parameters_of(name)
    values = dict(parameters or {})
    defaults = {field.name: field.default for field in fields(kind)}
    for field, value in values.items():
        if field not in defaults:
            allowed = ", ".join(defaults) or "none"
            raise FixInputError(f"candidate {name!r} has no parameter {field!r}; it has: {allowed}")
        values[field] = _checked(name, field, value, defaults[field])
    made: Any = family
    candidate: Candidate = made(kind(**values), encoders)
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
        If the folder holds something already: half of an older model must not mix with this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FixInputError(f"{folder} is not empty: save a candidate into a folder of its own")
    candidate.save(folder)
    written = {
        **description,
        "candidate": candidate.name,
        "parameters": candidate.describe(),
        "vocabulary": list(candidate.vocabulary),
    }
    write_json(folder, DESCRIPTION_FILE, written)


def load_candidate(folder: Path, encoders: EncoderFactory) -> Candidate:
    """
    Return the candidate in ``folder``; only its own family's libraries are imported.

    Raises
    ------
    ModelUnusableError
        If the folder holds no candidate, an unknown one, or damaged files.
    """
    description = read_description(folder)
    name = str(description["candidate"])
    if name not in _FAMILIES:
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
    """Return the family's class; its module, and what that needs, is imported only now."""
    if name not in _FAMILIES:
        raise FixInputError(f"unknown candidate {name!r}; choose from {', '.join(CANDIDATES)}")
    module, kind = _FAMILIES[name]
    family: type[Candidate] = getattr(import_module(f"include.candidates.{module}"), kind)
    return family


def _parameters_of(name: str) -> Any:
    """Return the family's frozen dataclass of parameters, named after the family."""
    module, kind = _FAMILIES[name]
    return getattr(import_module(f"include.candidates.{module}"), f"{kind}Parameters")


def _checked(name: str, field: str, value: Any, default: Any) -> Any:
    """Return ``value`` as the type of ``default``; whole numbers may stand for fractions."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if default is not None and type(value) is not type(default):
        wanted = type(default).__name__
        raise FixInputError(f"{name}: {field} must be {wanted}, got {value!r}")
    return value
