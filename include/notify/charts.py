"""Charts in mails: legible on light and dark backgrounds and in narrow mail clients."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from include.escaping import NO_FORMULAS
from include.notify.mail import InlineImage
from include.notify.summaries import ContributorSummary, SignalSummary

ALARM: Final = "#c2410c"
NEUTRAL: Final = "#64748b"
LIGHT: Final = "#cbd5e1"
TEXT: Final = "#1e293b"
BACKGROUND: Final = "#ffffff"
_WIDTH_INCH: Final = 5.6
_DPI: Final = 160
_MAX_TIMES: Final = 8.0


def signals_chart(signals: Sequence[SignalSummary]) -> InlineImage:
    """Return a bar chart of each signal as a multiple of its threshold; a line marks 1."""
    from matplotlib import rc_context

    shown = sorted(signals, key=lambda signal: signal.times)
    with rc_context(NO_FORMULAS):
        figure, axes = _figure(0.27 * len(shown) + 0.75)
        times = [min(signal.times, _MAX_TIMES) for signal in shown]
        colours = [ALARM if signal.alarmed else LIGHT for signal in shown]
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
        axes.axvline(1, color=TEXT, linewidth=1)
        axes.set_xlim(0, max([1.4, *times]) * 1.18)
        axes.set_xlabel("times the threshold (line: alarm)", fontsize=8, color=TEXT)
        description = ", ".join(
            f"{s.title} {s.times:.1f} times" for s in reversed(shown) if s.alarmed
        )
        return InlineImage(
            "signals", _png(figure), f"Signals over their thresholds: {description or 'none'}"
        )


def contributors_chart(
    name: str, what: str, contributors: Sequence[ContributorSummary]
) -> InlineImage:
    """Return a chart of each tag's or word's share of questions before and now."""
    from matplotlib import rc_context

    shown = list(reversed(contributors))
    with rc_context(NO_FORMULAS):
        figure, axes = _figure(0.3 * len(shown) + 0.95)
        for row, contributor in enumerate(shown):
            before, after = 100 * contributor.before, 100 * contributor.after
            axes.plot([before, after], [row, row], color=LIGHT, linewidth=3, zorder=1)
            axes.scatter([before], [row], color=NEUTRAL, s=30, zorder=2)
            axes.scatter([after], [row], color=ALARM, s=42, zorder=3)
        axes.set_yticks(range(len(shown)), [_short(contributor.name) for contributor in shown])
        axes.set_ylim(-0.7, len(shown) - 0.3)
        most = max(
            [contributor.before for contributor in shown]
            + [contributor.after for contributor in shown],
            default=0.01,
        )
        axes.set_xlim(-2 * most, 108 * most)
        axes.set_xlabel(f"% of questions with the {what}", fontsize=8, color=TEXT)
        axes.scatter([], [], color=NEUTRAL, s=30, label="before")
        axes.scatter([], [], color=ALARM, s=42, label="now")
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
            fontsize=8,
            frameon=False,
            labelcolor=TEXT,
            borderpad=0,
        )
        description = ", ".join(f"{m.name} {m.before:.1%} to {m.after:.1%}" for m in contributors)
        return InlineImage(
            name, _png(figure), f"Share of questions with each {what}: {description}"
        )


def _figure(height: float):  # type: ignore[no-untyped-def]
    """Return a figure without pyplot's global state, as tasks may draw concurrently."""
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(_WIDTH_INCH, height), dpi=_DPI, facecolor=BACKGROUND, layout="constrained"
    )
    axes = figure.add_subplot(facecolor=BACKGROUND)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LIGHT)
    axes.tick_params(axis="both", labelsize=8, colors=TEXT, length=0)
    axes.grid(axis="x", color="#eef2f7", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure) -> bytes:  # type: ignore[no-untyped-def]
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _short(name: str, most: int = 28) -> str:
    """Return a name that fits beside the axis."""
    return name if len(name) <= most else name[: most - 1] + "…"
