"""Layout of the charts of the retraining policies. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from include.evaluation.policies import PolicyCurve
from include.pages.figures import figure, month_name, span
from include.pages.marks import Mark
from include.pages.scale import Axis, MonthAxis, band_path, line_path, round_axis
from include.retraining import REFRESHES, STUDIED, WITHOUT_RARE_TAGS

TITLES: Final = REFRESHES | {name: rule.title for name, rule in STUDIED.items()} | WITHOUT_RARE_TAGS
"""What has a curve, in the order of the page."""
WIDTH: Final = 360
HEIGHT: Final = 220
LEFT, RIGHT, TOP, BOTTOM = 36, 6, 30, 44


@dataclass(frozen=True, slots=True)
class Point:
    """A month on a curve: position, whether a model was trained for it, and a text alternative."""

    x: float
    y: float
    trained: bool
    words: str


@dataclass(frozen=True, slots=True)
class Column:
    """A marked range of months: its left end, width and letter."""

    x: float
    width: float
    letter: str

    @property
    def middle(self) -> float:
        """Horizontal position of the letter."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class PolicyChart:
    """
    The chart of one policy.

    Parameters
    ----------
    policy, title, summary : str
        Key, name, and a text alternative of the chart.
    line, band, reference : str
        SVG paths: the curve, its interval, and monthly retraining (empty on its own panel).
    points : tuple of Point
    columns, bars : tuple of Column
        Drift periods of the fresh model; drift periods of the frozen model.
    alarms : tuple of float
        Horizontal positions of drift alarms.
    """

    policy: str
    title: str
    summary: str
    line: str
    band: str
    reference: str
    points: tuple[Point, ...]
    columns: tuple[Column, ...]
    bars: tuple[Column, ...]
    alarms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Panels:
    """The charts of all policies, on the same axes."""

    panels: tuple[PolicyChart, ...]
    across: MonthAxis
    up: Axis


def curve_panels(
    curves: Mapping[str, PolicyCurve],
    months: tuple[str, ...],
    marks: Sequence[Mark],
    alarms: Iterable[str],
) -> Panels:
    """Lay out a panel for each of TITLES with a curve."""
    across = MonthAxis(months, LEFT, WIDTH - RIGHT)
    values = [value for curve in curves.values() for value in (*curve.f1, *curve.low, *curve.high)]
    up = round_axis(values, HEIGHT - BOTTOM, TOP)
    alarm_positions = tuple(across.at(month) for month in sorted(alarms) if month in months)
    panels = tuple(
        _panel(curves[policy], curves, across, up, marks, alarm_positions)
        for policy in TITLES
        if policy in curves
    )
    return Panels(panels, across, up)


def _panel(
    curve: PolicyCurve,
    curves: Mapping[str, PolicyCurve],
    across: MonthAxis,
    up: Axis,
    marks: Sequence[Mark],
    alarms: tuple[float, ...],
) -> PolicyChart:
    monthly = curves.get("monthly")
    reference = monthly if monthly is not None and curve.policy != "monthly" else None
    return PolicyChart(
        policy=curve.policy,
        title=TITLES[curve.policy],
        summary=_summary(curve),
        line=_line(curve, across, up),
        band=band_path(
            [
                (across.at(month), up.at(low), up.at(high))
                if math.isfinite(low) and math.isfinite(high)
                else None
                for month, low, high in zip(curve.months, curve.low, curve.high, strict=True)
            ]
        ),
        reference="" if reference is None else _line(reference, across, up),
        points=_points(curve, across, up),
        columns=_columns(marks, "fresh", across),
        bars=_columns(marks, "frozen", across) if curve.policy == "frozen" else (),
        alarms=alarms,
    )


def _line(curve: PolicyCurve, across: MonthAxis, up: Axis) -> str:
    return line_path(
        [
            (across.at(month), up.at(value)) if math.isfinite(value) else None
            for month, value in zip(curve.months, curve.f1, strict=True)
        ]
    )


def _points(curve: PolicyCurve, across: MonthAxis, up: Axis) -> tuple[Point, ...]:
    """Return a point for each month that has a value; the first month's model is always new."""
    before = ("", *curve.models[:-1])
    return tuple(
        Point(
            across.at(month),
            up.at(f1),
            model != model_before,
            f"{month_name(month)}: {figure(f1)} {span(low, high)}, model of {month_name(model)}",
        )
        for month, f1, low, high, model, model_before in zip(
            curve.months, curve.f1, curve.low, curve.high, curve.models, before, strict=True
        )
        if math.isfinite(f1)
    )


def _columns(marks: Sequence[Mark], kind: str, across: MonthAxis) -> tuple[Column, ...]:
    """Return the periods of one kind, cut to the months shown."""
    columns: list[Column] = []
    for mark in marks:
        shown = [month for month in mark.months if month in across.months]
        if mark.kind == kind and shown:
            width = round(len(shown) * across.width, 2)
            columns.append(Column(across.left(shown[0]), width, mark.letter))
    return tuple(columns)


def _summary(curve: PolicyCurve) -> str:
    """Return the text alternative of a chart, in one sentence."""
    finite = [
        (value, month)
        for month, value in zip(curve.months, curve.f1, strict=True)
        if math.isfinite(value)
    ]
    if not finite:
        return "No month has a value."
    (worst, worst_month), (best, best_month) = min(finite), max(finite)
    return (
        f"F1@5 by month with {TITLES[curve.policy].lower()}: mean {figure(curve.mean)}; "
        f"lowest {figure(worst)} in {month_name(worst_month)}, "
        f"highest {figure(best)} in {month_name(best_month)}."
    )
