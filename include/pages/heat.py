"""The decay matrix as a heat map: a table of coloured cells. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from include.evaluation.decay import DecayMatrix
from include.pages.figures import figure, month_name, short_figure
from include.pages.marks import Mark
from include.pages.scale import round_axis

STEPS: Final = 7
"""Colours of the scale; the style sheet has one class for each."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One model on one month.

    Parameters
    ----------
    text, words : str
        The value in two digits, and a text alternative.
    step : int or None
        Colour, 0 (lowest) to STEPS - 1; None where the pair was not tested.
    fresh : bool
        Whether the model is that month's fresh one.
    before : bool
        Whether the month is in the model's training window, so that it is not tested.
    """

    text: str
    words: str
    step: int | None
    fresh: bool
    before: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """
    Layout of a heat map.

    Parameters
    ----------
    years : tuple of (str, int)
        Each year of the columns, and how many columns it has.
    months : tuple of str
    letters : tuple of str
        Under each column, the letters of the fresh model's drift periods.
    rows : tuple of (str, tuple of Cell)
        Model month and its cells.
    bounds : tuple of str, length STEPS + 1
        Boundaries of the colours.
    """

    years: tuple[tuple[str, int], ...]
    months: tuple[str, ...]
    letters: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    bounds: tuple[str, ...]


def heat_map(matrix: DecayMatrix, marks: Sequence[Mark]) -> Heat:
    """Lay out a matrix with colours over the range of its values."""
    low, high = _range(matrix)
    rows = tuple(
        (
            model,
            tuple(
                _cell(model, month, float(matrix.values[row, column]), low, high)
                for column, month in enumerate(matrix.months)
            ),
        )
        for row, model in enumerate(matrix.months)
    )
    return Heat(
        years=tuple(
            (year, len(list(months)))
            for year, months in groupby(matrix.months, key=lambda month: month[:4])
        ),
        months=matrix.months,
        letters=tuple(
            " ".join(m.letter for m in marks if m.kind == "fresh" and month in m.months)
            for month in matrix.months
        ),
        rows=rows,
        bounds=tuple(
            short_figure(low + (high - low) * i / STEPS, 2 if high - low > STEPS / 50 else 3)
            for i in range(STEPS + 1)
        ),
    )


def _range(matrix: DecayMatrix) -> tuple[float, float]:
    """Return round ends around the matrix's values, inside [0, 1]."""
    axis = round_axis((float(value) for value in matrix.values.ravel()), 0, 1)
    return max(axis.low, 0.0), min(axis.high, 1.0)


def _cell(model: str, month: str, value: float, low: float, high: float) -> Cell:
    where = f"model of {month_name(model)} on {month_name(month)}"
    if not math.isfinite(value):
        return Cell("", f"{where}: not tested", None, False, month < model)
    part = (value - low) / (high - low)
    step = min(max(math.floor(part * STEPS), 0), STEPS - 1)
    return Cell(short_figure(value), f"{where}: {figure(value)}", step, model == month, False)
