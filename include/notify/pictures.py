"""The mails' small pictures: readable on light and dark, in a mail client's narrow column."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from include.notify.facts import MoverFact, SignalFact
from include.notify.mail import Picture

ALARM: Final = "#c2410c"
CALM: Final = "#64748b"
PALE: Final = "#cbd5e1"
INK: Final = "#1e293b"
PAPER: Final = "#ffffff"
_WIDTH_INCH: Final = 5.6
_DPI: Final = 160
_MOST_TIMES: Final = 8.0


def signals_picture(signals: Sequence[SignalFact]) -> Picture:
    """Return bars of each signal as a multiple of its threshold; the line at 1 is the alarm."""
    shown = sorted(signals, key=lambda signal: signal.times)
    figure, axes = _figure(0.27 * len(shown) + 0.75)
    times = [min(signal.times, _MOST_TIMES) for signal in shown]
    colours = [ALARM if signal.alarmed else PALE for signal in shown]
    axes.barh([signal.title for signal in shown], times, color=colours, height=0.62)
    for row, signal in enumerate(shown):
        if signal.alarmed:
            axes.text(
                times[row] + 0.06,
                row,
                f"{signal.times:.1f} times",
                va="center",
                fontsize=8,
                color=ALARM,
            )
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xlim(0, max([1.4, *times]) * 1.18)
    axes.set_xlabel("times the threshold (line: alarm)", fontsize=8, color=INK)
    said = ", ".join(f"{s.title} {s.times:.1f} times" for s in reversed(shown) if s.alarmed)
    return Picture("signals", _png(figure), f"Signals over their thresholds: {said or 'none'}")


def movers_picture(name: str, what: str, movers: Sequence[MoverFact]) -> Picture:
    """Return each tag's or word's share of the questions before and now, joined by a line."""
    shown = list(reversed(movers))
    figure, axes = _figure(0.3 * len(shown) + 0.95)
    for row, mover in enumerate(shown):
        before, after = 100 * mover.before, 100 * mover.after
        axes.plot([before, after], [row, row], color=PALE, linewidth=3, zorder=1)
        axes.scatter([before], [row], color=CALM, s=30, zorder=2)
        axes.scatter([after], [row], color=ALARM, s=42, zorder=3)
    axes.set_yticks(range(len(shown)), [_short(mover.name) for mover in shown])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    most = max([mover.before for mover in shown] + [mover.after for mover in shown], default=0.01)
    axes.set_xlim(-2 * most, 108 * most)
    axes.set_xlabel(f"% of questions with the {what}", fontsize=8, color=INK)
    axes.scatter([], [], color=CALM, s=30, label="before")
    axes.scatter([], [], color=ALARM, s=42, label="now")
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=2,
        fontsize=8,
        frameon=False,
        labelcolor=INK,
        borderpad=0,
    )
    said = ", ".join(f"{m.name} {m.before:.1%} to {m.after:.1%}" for m in movers)
    return Picture(name, _png(figure), f"Share of questions with each {what}: {said}")


def _figure(height: float):  # type: ignore[no-untyped-def]
    """Return a figure that no global state knows: tasks may draw at the same time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCH, height), dpi=_DPI, facecolor=PAPER, layout="constrained")
    axes = figure.add_subplot(facecolor=PAPER)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.tick_params(axis="both", labelsize=8, colors=INK, length=0)
    axes.grid(axis="x", color="#eef2f7", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure) -> bytes:  # type: ignore[no-untyped-def]
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _short(name: str, most: int = 28) -> str:
    """Return a name that fits beside the axis; ``$`` would start a formula."""
    return (name if len(name) <= most else name[: most - 1] + "…").replace("$", r"\$")
