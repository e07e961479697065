"""Axes: from values to positions in a chart. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

SINGLE_POINT_HALF_WIDTH: Final = 4.0
"""Half the width of a band around a single point."""


@dataclass(frozen=True, slots=True)
class Axis:
    """
    A straight scale with round ticks.

    Parameters
    ----------
    low, high : float
        Values at its ends, ``low < high``.
    start, end : float
        Their positions in the chart; ``start > end`` for an upward axis.
    ticks : tuple of float
        Round values in [low, high].
    digits : int
        Decimal digits that distinguish the ticks.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...] = ()
    digits: int = 2

    def at(self, value: float) -> float:
        """Return the position of ``value``, rounded to a hundredth and clipped to the ends."""
        part = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 2)


def round_axis(values: Iterable[float], start: float, end: float, steps: int = 4) -> Axis:
    """
    Return an axis that holds every finite value, with ends at round ticks.

    Parameters
    ----------
    values : iterable of float
        Those that are not finite are left out; with none left, the axis is [0, 1].
    start, end : float
        As in Axis.
    steps : int, default=4
        Approximate number of steps between ticks.

    Examples
    --------
    >>> round_axis([0.36, 0.58], 100, 0).ticks
    (0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low < 0.01:
        low, high = low - 0.02, high + 0.02
    rough = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.75 * rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(round(index * step, digits + 2) for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], start, end, ticks, digits)


@dataclass(frozen=True, slots=True)
class MonthAxis:
    """
    Months side by side, each in the middle of its own column.

    Parameters
    ----------
    months : tuple of str, length n >= 1
    start, end : float
        Left and right end of the plot.
    """

    months: tuple[str, ...]
    start: float
    end: float

    @property
    def width(self) -> float:
        """Width of one month's column."""
        return (self.end - self.start) / len(self.months)

    def at(self, month: str) -> float:
        """Return the middle of a month's column."""
        return round(self.start + (self.months.index(month) + 0.5) * self.width, 2)

    def left(self, month: str) -> float:
        """Return the left end of a month's column."""
        return round(self.start + self.months.index(month) * self.width, 2)

    def labels(self) -> tuple[tuple[float, str, str], ...]:
        """Return (position, month of the year, year where it changes), at most 12."""
        step = -(-len(self.months) // 12)
        shown = self.months[::step]
        years = ["", *(month[:4] for month in shown)]
        return tuple(
            (self.at(month), month[5:], now if now != before else "")
            for month, (before, now) in zip(shown, pairwise(years), strict=True)
        )


def line_path(points: Sequence[tuple[float, float] | None]) -> str:
    """
    Return an SVG path through points; None breaks the line.

    Examples
    --------
    >>> line_path([(0, 1), (2, 3), None, (4, 5)])
    'M0 1L2 3M4 5'
    """
    parts: list[str] = []
    command = "M"
    for point in points:
        if point is None:
            command = "M"
            continue
        parts.append(f"{command}{point[0]:g} {point[1]:g}")
        command = "L"
    return "".join(parts)


def band_path(points: Sequence[tuple[float, float, float] | None]) -> str:
    """
    Return an SVG path around (x, low, high) points; None breaks the band.

    Examples
    --------
    >>> band_path([(0, 2, 1), (5, 4, 3)])
    'M0 1L5 3L5 4L0 2Z'
    >>> band_path([(9, 2, 1)])
    'M5 1L13 1L13 2L5 2Z'
    """
    parts: list[str] = []
    run: list[tuple[float, float, float]] = []
    for point in (*points, None):
        if point is not None:
            run.append(point)
            continue
        if len(run) == 1:
            x, low, high = run[0]
            run = [
                (x - SINGLE_POINT_HALF_WIDTH, low, high),
                (x + SINGLE_POINT_HALF_WIDTH, low, high),
            ]
        if run:
            around = [(x, high) for x, _, high in run] + [(x, low) for x, low, _ in run[::-1]]
            parts.append(line_path(around) + "Z")
        run = []
    return "".join(parts)
