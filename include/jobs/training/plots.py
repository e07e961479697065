"""Plots of an evaluation, written as PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from include.escaping import NO_FORMULAS
from include.evaluation.bootstrap import BootstrapInterval
from include.evaluation.evaluation import Evaluation
from include.evaluation.metrics import DEPTH
from include.evaluation.per_tag import TagFigures
from include.evaluation.reliability import ReliabilityCurve
from include.evaluation.selection import MIN_SLICE_QUESTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAGS_SHOWN: Final = 25
_BLUE, _ORANGE, _GREEN, _GREY = "#2a6fb0", "#d9782d", "#3f8f5b", "#8a8f98"
_DPI: Final = 130
_SHORT_BAR: Final = 0.06
# Inches: at a side, of a line of text, above and below the axes, and of a row of the legend
_EDGE, _LINE, _ABOVE, _BELOW, _LEGEND_ROW = 0.2, 0.25, 0.6, 0.65, 0.17
_WIDEST_LABELS: Final = 0.6
"""Share of a picture's width that its labels may take; longer ones are cut off."""
_SMALL: Final[Mapping[str, Any]] = {
    "textcoords": "offset points",
    "fontsize": 7,
    "color": _BLUE,
}


def draw_evaluation(evaluation: Evaluation, title: str, folder: Path) -> None:
    """
    Write the pictures of an evaluation into ``folder``.

    They are ``precision_recall_by_k.png``, ``tags.png``, ``calibration.png`` and
    ``calibration_by_slice.png``; the last only if a slice has `MIN_SLICE_QUESTIONS`.

    Parameters
    ----------
    evaluation : Evaluation
    title : str
        Names the model and the month.
    folder : Path
        Made if absent.
    """
    from matplotlib import rc_context

    folder.mkdir(parents=True, exist_ok=True)
    large = {
        f"{name}, {evaluation.slices[name].question_count:,} questions": curve
        for name, curve in evaluation.slice_calibration.items()
        if evaluation.slices[name].question_count >= MIN_SLICE_QUESTIONS
    }
    with rc_context(NO_FORMULAS):
        _save(_by_k(evaluation, title), folder / "precision_recall_by_k.png")
        _save(_tags(evaluation.tags, title), folder / "tags.png")
        _save(_calibration(evaluation.calibration, title), folder / "calibration.png")
        if large:
            _save(_calibration_by_slice(large, title), folder / "calibration_by_slice.png")


def draw_comparison(
    candidates: Mapping[str, Mapping[int, float]],
    intervals: Mapping[str, BootstrapInterval],
    title: str,
    path: Path,
) -> None:
    """
    Write a bar chart of the candidates, best first.

    Parameters
    ----------
    candidates : mapping of str to mapping of int to float
        F1@k over all questions by k = 1, 3, 5 for each candidate.
    intervals : mapping of str to BootstrapInterval
        Of F1@5, the metric of the selection.
    title : str
        Names the month.
    path : Path
        Of the PNG file; its folder is made if absent.
    """
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(NO_FORMULAS):
        _save(_comparison(candidates, intervals, title), path)


def _comparison(
    candidates: Mapping[str, Mapping[int, float]],
    intervals: Mapping[str, BootstrapInterval],
    title: str,
) -> Figure:
    """Bars of F1 at 1, 3 and 5, and the interval of the last."""
    order = sorted(candidates, key=lambda name: intervals[name].mean)
    figure, axes = _blank((8, 1.9 + 0.6 * len(order)))
    rows = range(len(order))
    for offset, (k, colour) in zip(
        (0.26, 0.0, -0.26), ((1, _GREY), (3, _ORANGE), (5, _BLUE)), strict=True
    ):
        values = [candidates[name][k] for name in order]
        bars = axes.barh(
            [row + offset for row in rows], values, height=0.24, color=colour, label=f"F1@{k}"
        )
        # inside, as the interval covers the end of the last bar; short bars have no space for it
        labels = [f"{value:.3f}" if value > _SHORT_BAR else "" for value in values]
        axes.bar_label(
            bars,
            labels,
            label_type="center",
            color="white",
            fontsize=7,
        )
    means = [intervals[name].mean for name in order]
    spread = [
        [intervals[name].mean - intervals[name].low for name in order],
        [intervals[name].high - intervals[name].mean for name in order],
    ]
    axes.errorbar(
        *(means, [row - 0.26 for row in rows]),
        xerr=spread,
        fmt="D",
        color="black",
        markersize=4,
        capsize=3,
        label="F1@5, 95 % interval",
    )
    axes.set_yticks(list(rows), order)
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 over all questions (0 to 1, higher is better)")
    _set_titles(axes, "Comparison of candidates, best first", title)
    _lay_out(figure, columns=4, left_labels=order)
    return figure


def _by_k(evaluation: Evaluation, title: str) -> Figure:
    """Precision, recall and F1 by the number of suggestions."""
    figure, axes = _blank((8, 5))
    ks = list(range(1, DEPTH + 1))
    lines: Sequence[tuple[str, str, str, str]] = (
        ("precision", "precision", _ORANGE, "-"),
        ("recall", "recall (capped at k)", _GREEN, "-"),
        ("f1", "F1", _BLUE, "-"),
        ("f1_all", "F1 over all questions and all tags", _BLUE, "--"),
        ("ceiling_all", "highest possible F1 over all", _GREY, ":"),
    )
    for metric, label, colour, style in lines:
        values = [evaluation.figures[f"{metric}@{k}"] for k in ks]
        axes.plot(ks, values, style, color=colour, marker="o", markersize=4, label=label)
        if metric == "f1":
            for k, value in zip(ks, values, strict=True):
                axes.annotate(f"{value:.3f}", (k, value), (4, 6), **_SMALL)
    axes.set_xticks(ks)
    axes.set_ylim(0, 1)
    axes.set_xlabel("k: number of tags suggested")
    axes.set_ylabel("mean over questions (0 to 1)")
    _set_titles(axes, "Precision and recall by number of suggestions", title)
    _lay_out(figure, columns=2, left_title=True)
    return figure


def _tags(tags: Sequence[TagFigures], title: str) -> Figure:
    """Precision and recall of the tags used most."""
    shown = [tag for tag in tags if tag.use_count][:TAGS_SHOWN][::-1]
    figure, axes = _blank((8, 1.8 + 0.28 * len(shown)))
    rows = range(len(shown))
    for offset, colour, label, values in (
        (0.2, _GREEN, "recall: share of its questions found", [tag.recall for tag in shown]),
        (-0.2, _ORANGE, "precision: share of its suggestions right", [t.precision for t in shown]),
    ):
        heights = [0.0 if math.isnan(value) else value for value in values]
        axes.barh([row + offset for row in rows], heights, height=0.38, color=colour, label=label)
    labels = [f"{tag.tag} ({tag.use_count})" for tag in shown]
    axes.set_yticks(list(rows), labels, fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"among the first {DEPTH} suggestions (0 to 1)")
    axes.set_ylabel("tag (questions that have it)")
    axes.set_ylim(-0.7, len(shown) - 0.3)
    _set_titles(axes, f"The {len(shown)} tags used most", title)
    _lay_out(figure, columns=2, left_labels=labels, left_title=True)
    return figure


def _calibration(calibration: ReliabilityCurve, title: str) -> Figure:
    """Scores against the share of suggestions that were right."""
    figure, axes = _blank((8, 5))
    counts = axes.twinx()
    width = calibration.edges[1] - calibration.edges[0]
    counts.bar(
        [edge + width / 2 for edge in calibration.edges[:-1]],
        calibration.counts,
        width=width * 0.92,
        color=_GREY,
        alpha=0.25,
        label="suggestions",
    )
    counts.set_ylabel("suggestions with that score (log scale)")
    counts.set_yscale("symlog", linthresh=10)
    counts.set_ylim(bottom=0)
    counts.yaxis.set_major_formatter("{x:,.0f}")
    counts.spines["top"].set_visible(False)
    _reliability_axes(axes)
    axes.plot(*_points(calibration), "-", color=_BLUE, marker="o", label="this model")
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)
    _set_titles(
        axes,
        f"Calibration: error {calibration.ece:.3f}, Brier score {calibration.brier:.3f}",
        title,
    )
    largest = f"{max(calibration.counts, default=0):,.0f}"
    _lay_out(figure, columns=3, left_title=True, right_labels=[largest])
    return figure


def _calibration_by_slice(curves: Mapping[str, ReliabilityCurve], title: str) -> Figure:
    """Scores against the share of suggestions that were right, a line for each slice."""
    figure, axes = _blank((8, 5.5))
    _reliability_axes(axes)
    for (name, curve), marker in zip(curves.items(), cycle("osD^vPX*"), strict=False):
        label = f"{name}: error {curve.ece:.3f}"
        axes.plot(*_points(curve), "-", marker=marker, markersize=5, alpha=0.85, label=label)
    _set_titles(axes, "Calibration by slice of the questions", title)
    _lay_out(figure, columns=2, left_title=True)
    return figure


def _reliability_axes(axes: Axes) -> None:
    """Label the axes of a reliability curve, and draw the perfect one."""
    axes.plot([0, 1], [0, 1], ":", color=_GREY, label="perfect calibration")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("score (0 to 1)")
    axes.set_ylabel("share of suggestions that were right (0 to 1)")


def _points(curve: ReliabilityCurve) -> tuple[list[float], list[float]]:
    """Return mean scores and observed shares of the bins that are not empty."""
    pairs = zip(curve.mean_scores, curve.observed, strict=True)
    known = [pair for pair in pairs if not math.isnan(pair[1])]
    return [score for score, _ in known], [observed for _, observed in known]


def _blank(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return an empty figure; not from pyplot, whose global state keeps every figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    axes: Any = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def _set_titles(axes: Axes, title: str, subtitle: str) -> None:
    """Write the plot's title and below it, smaller, the model and the month."""
    # With y given, matplotlib does not look for what the title could cover, a sixth of the drawing
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", y=1.0, pad=22)
    axes.annotate(
        subtitle, (0, 1), (0, 7), xycoords="axes fraction", textcoords="offset points", fontsize=9
    )


def _lay_out(
    figure: Figure,
    *,
    columns: int,
    left_labels: Sequence[str] = ("0.0",),
    left_title: bool = False,
    right_labels: Sequence[str] = (),
) -> None:
    """
    Put one legend of all axes below them, and give the axes the space that is left.

    matplotlib's own layouts measure every text once or twice, a third of the time of a picture.

    Parameters
    ----------
    figure : Figure
    columns : int
        Of the legend, >= 1.
    left_labels, right_labels : sequence of str
        Labels of the ticks at the left; at the right, if there is an axis, which has a title.
    left_title : bool
        Whether the axis at the left has a title.
    """
    legend = figure.legend(loc="lower left", ncols=columns, frameon=False, fontsize=8)
    rows = math.ceil(len(legend.get_texts()) / columns)
    width, height = figure.get_size_inches()
    left = min(_EDGE + _width_of(left_labels) + left_title * _LINE, _WIDEST_LABELS * width)
    right = _EDGE + (_width_of(right_labels) + _LINE if right_labels else 0.0)
    figure.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        bottom=(_BELOW + rows * _LEGEND_ROW) / height,
        top=1 - _ABOVE / height,
    )


def _width_of(labels: Sequence[str]) -> float:
    """Return the width of the widest label, in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=10)
    widths = [text_to_path.get_text_width_height_descent(text, font, False)[0] for text in labels]
    return float(max(widths, default=0.0)) / 72


def _save(figure: Figure, path: Path) -> None:
    """
    Write a figure with its legend as PNG.

    ``savefig`` writes the same after drawing everything twice, the first time for the layout alone.
    Compressed at level 1 a picture is 5 to 7 % larger, and written in half the time.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    written: Any = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 1}}
    imsave(path, pixels[:, :, :3], format="png", dpi=_DPI, **written)
