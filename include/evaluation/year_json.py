"""
A `YearReport` as JSON and back, without loss of digits. Pure.

JSON has neither NaN nor infinity: NaN is written as null, infinities as the strings ``inf`` and
``-inf``. Python writes the shortest digits that parse to the same number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from include.errors import FixInputError
from include.evaluation.decay import DecayMatrix, HalfLife
from include.evaluation.drift_periods import DriftPeriod, MonthTest
from include.evaluation.policies import PolicyCurve
from include.evaluation.refits import MonthRefits
from include.evaluation.refreshes import Gain
from include.evaluation.schedules import Prices
from include.evaluation.year import (
    Example,
    ExplainedPeriod,
    MonthFigures,
    MonthFit,
    SliceLoss,
    TagChange,
    WordChange,
    YearReport,
)


def to_json(report: YearReport) -> str:
    """Return a report as JSON text; the same report gives the same text."""
    return json.dumps(_plain(report), allow_nan=False, ensure_ascii=False)


def from_plain(values: Mapping[str, Any]) -> YearReport:
    """
    Return the report that ``to_json`` wrote, from its plain JSON values as PostgreSQL returns them.

    Raises
    ------
    FixInputError
        If the values are not a report, or one of another version of this code.
    """
    try:
        report: YearReport = _READERS[YearReport](values)
    except (AttributeError, KeyError, TypeError) as error:
        raise FixInputError(f"this is not a stability report: {error!r}") from error
    return report


def _plain(value: Any) -> Any:
    """Return dataclasses as objects, arrays and tuples as lists, every number valid in JSON."""
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _matrix(value: Mapping[str, Any]) -> DecayMatrix:
    rows = [[_number(each) for each in row] for row in value["values"]]
    return DecayMatrix(tuple(value["months"]), np.array(rows, dtype=np.float64))


def _reader(kind: type) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that makes the dataclass of an object, each field by its type."""
    hints = get_type_hints(kind)
    # What a report of an earlier release does not have
    later = {
        field.name
        for field in fields(kind)
        if field.default is not MISSING or field.default_factory is not MISSING
    }

    def read(value: Mapping[str, Any]) -> Any:
        return kind(
            **{
                name: _read(hint, value[name])
                for name, hint in hints.items()
                if name in value or name not in later
            }
        )

    return read


def _read(hint: Any, value: Any) -> Any:
    """Return a value as its type says; only types of the report's fields are supported."""
    if hint is float:
        return _number(value)
    if reader := _READERS.get(hint):
        return reader(value)
    arguments = get_args(hint)
    if type(None) in arguments:
        (inner,) = (each for each in arguments if each is not type(None))
        return None if value is None else _read(inner, value)
    if get_origin(hint) is tuple:
        return tuple(_read(arguments[0], each) for each in value)
    if len(arguments) == 2:  # a mapping
        return {key: _read(arguments[1], each) for key, each in value.items()}
    return value


_READERS: dict[type, Callable[[Mapping[str, Any]], Any]] = {
    kind: _reader(kind)
    for kind in (
        HalfLife,
        PolicyCurve,
        Prices,
        Gain,
        MonthRefits,
        MonthTest,
        DriftPeriod,
        TagChange,
        WordChange,
        SliceLoss,
        Example,
        ExplainedPeriod,
        MonthFit,
        MonthFigures,
        YearReport,
    )
} | {DecayMatrix: _matrix}
