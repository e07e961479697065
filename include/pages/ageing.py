"""A model's quality relative to a fresh model, by age. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from include.evaluation.decay import DecayMatrix, HalfLife, model_age
from include.pages.figures import figure, share
from include.pages.scale import Axis, band_path, line_path, round_axis

WIDTH: Final = 360
HEIGHT: Final = 220
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 16, 40
MAX_SHOWN_HALF_LIFE: Final = 1200.0
"""Months; a longer half-life is shown as no decay."""


@dataclass(frozen=True, slots=True)
class AgeMean:
    """Mean ratio to the fresh model's F1@5 at one age in months, and the number of pairs."""

    age: int
    retained: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Ageing:
    """
    Layout of the ageing chart.

    Parameters
    ----------
    means : tuple of AgeMean
        By age, from 0.
    dots, mean_dots : tuple of (float, float)
        Positions of every pair, and of the means.
    line, band : str
        SVG paths of the half-life's curve and its interval; empty without a half-life.
    across, up : Axis
    summary : str
    """

    means: tuple[AgeMean, ...]
    dots: tuple[tuple[float, float], ...]
    mean_dots: tuple[tuple[float, float], ...]
    line: str
    band: str
    across: Axis
    up: Axis
    summary: str


def retained_by_age(matrix: DecayMatrix) -> dict[int, list[float]]:
    """
    Return, by age, each model's F1@5 over that of the month's fresh model.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[0.5, 0.3], [np.nan, 0.6]])
    >>> retained_by_age(DecayMatrix(("2019-01", "2019-02"), values))
    {0: [1.0, 1.0], 1: [0.5]}
    """
    retained: defaultdict[int, list[float]] = defaultdict(list)
    for row, model in enumerate(matrix.months):
        for column in range(row, len(matrix.months)):
            value = float(matrix.values[row, column])
            fresh = float(matrix.values[column, column])
            if math.isfinite(value) and math.isfinite(fresh) and fresh > 0:
                retained[model_age(model, matrix.months[column])].append(value / fresh)
    return dict(sorted(retained.items()))


def ageing(matrix: DecayMatrix, half_life: HalfLife | None) -> Ageing | None:
    """Lay out the chart; None if no model was tested after its own month."""
    retained = retained_by_age(matrix)
    oldest = max(retained, default=0)
    if oldest == 0:
        return None
    step = -(-oldest // 12)
    ticks = tuple(float(age) for age in range(0, oldest + 1, step))
    across = Axis(-0.5, oldest + 0.5, LEFT, WIDTH - RIGHT, ticks, 0)
    means = tuple(AgeMean(age, sum(all_) / len(all_), len(all_)) for age, all_ in retained.items())
    ages = [index * oldest / 24 for index in range(25)]
    fitted = [] if half_life is None else [_retained(age, half_life.months) for age in ages]
    lowest = [] if half_life is None else [_retained(oldest, half_life.low)]
    shown = [*(value for all_ in retained.values() for value in all_), *fitted, *lowest]
    up = round_axis(shown, HEIGHT - BOTTOM, TOP)
    return Ageing(
        means=means,
        dots=tuple(
            (across.at(age), up.at(value))
            for age, all_ in retained.items()
            if age
            for value in all_
        ),
        mean_dots=tuple((across.at(mean.age), up.at(mean.retained)) for mean in means),
        line=line_path(
            [
                (across.at(age), up.at(value)) if math.isfinite(value) else None
                for age, value in zip(ages, fitted, strict=False)
            ]
        ),
        band=_band(half_life, ages, across, up),
        across=across,
        up=up,
        summary="; ".join(f"after {m.age} months {share(m.retained)}" for m in means if m.age),
    )


def half_life_sentence(half_life: HalfLife | None) -> str:
    """
    Return a half-life with its interval in a sentence.

    Examples
    --------
    >>> half_life_sentence(HalfLife(9.26, 7.1, 14.2))
    'A model is half as good as a fresh one after 9.3 months (95 % interval 7.1 to 14.2 months).'
    >>> half_life_sentence(HalfLife(14.9, 3.1, math.inf))
    'How fast a model ages is not known yet: half as good as a fresh one after 14.9 months by \
these tests, but from 3.1 months to no decay at all is possible (95 %).'
    >>> half_life_sentence(HalfLife(math.inf, 30.0, math.inf))
    'No decay is seen: a half-life below 30.0 months is ruled out (95 %).'
    """
    if half_life is None:
        return "A half-life needs at least two months."
    if math.isnan(half_life.months):
        return "The half-life could not be estimated."
    if not math.isfinite(half_life.months) or half_life.months > MAX_SHOWN_HALF_LIFE:
        return (
            f"No decay is seen: a half-life below {figure(half_life.low, 1)} months "
            "is ruled out (95 %)."
            if math.isfinite(half_life.low)
            else "No decay is seen."
        )
    months, low = figure(half_life.months, 1), figure(half_life.low, 1)
    if not math.isfinite(half_life.high):
        return (
            f"How fast a model ages is not known yet: half as good as a fresh one after {months} "
            f"months by these tests, but from {low} months to no decay at all is possible (95 %)."
        )
    return (
        f"A model is half as good as a fresh one after {months} months "
        f"(95 % interval {low} to {figure(half_life.high, 1)} months)."
    )


def _band(half_life: HalfLife | None, ages: list[float], across: Axis, up: Axis) -> str:
    """Return the path between the interval's two half-lives; empty where there is no interval."""
    if half_life is None or math.isnan(half_life.low) or math.isnan(half_life.high):
        return ""
    lows, highs = (
        [up.at(_retained(age, end)) for age in ages] for end in (half_life.low, half_life.high)
    )
    return band_path(list(zip(map(across.at, ages), lows, highs, strict=True)))


def _retained(age: float, half_life: float) -> float:
    """Return the share that is retained after ``age`` months; 1 for an infinite half-life."""
    if math.isnan(half_life):
        return math.nan
    return 1.0 if math.isinf(half_life) else float(2 ** (-age / half_life))
