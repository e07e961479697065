"""
The catalogue of drift signals, and their calculation.

A signal does not know which values are normal; ``include.drift.calibration`` finds thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from include.drift.answer_signals import ANSWER_SIGNALS
from include.drift.samples import Sample
from include.drift.signal_types import Signal, SignalValue
from include.drift.tag_signals import TAG_SIGNALS
from include.drift.text_signals import TEXT_SIGNALS

SIGNALS: Final[tuple[Signal, ...]] = (*TEXT_SIGNALS, *TAG_SIGNALS, *ANSWER_SIGNALS)
SIGNAL: Final = {signal.name: signal for signal in SIGNALS}
INFORMATIONAL_SIGNALS: Final = frozenset(
    {"text_length", "code_share", "vanished_tags", "predicted_tags", "confidence"}
)
"""
Reported for months, but never raise an alarm: over the months of two real sites none of them rose
with a loss of F1 or passed its threshold in a month with a loss (docs/drift.md).
"""
MONTHLY_ALERTING_SIGNALS: Final = tuple(s for s in SIGNALS if s.name not in INFORMATIONAL_SIGNALS)
"""Signals that can raise an alarm on a month with true tags; they share its false-alarm rate."""
LABEL_FREE_SIGNALS: Final = tuple(
    signal for signal in SIGNALS if set(signal.needs) <= {"suggested", "scores", "vectors"}
)
"""Signals that need no true tags; they can raise an alarm on recent predictions."""


def usable_signals(
    reference: Sample, analysis: Sample, signals: Sequence[Signal] | None = None
) -> tuple[Signal, ...]:
    """Return the signals whose needs both samples meet."""
    return tuple(
        signal
        for signal in (SIGNALS if signals is None else signals)
        if all(
            getattr(sample, part) is not None
            for part in signal.needs
            for sample in (reference, analysis)
        )
    )


def calculate_signals(reference: Sample, analysis: Sample) -> tuple[SignalValue, ...]:
    """
    Calculate every signal whose needs both samples meet, with its top contributors.

    Parameters
    ----------
    reference, analysis : Sample
        Both from one call of ``build_samples``; at least two questions each.
    """
    return tuple(
        SignalValue(
            signal=signal.name,
            value=signal.value(reference, analysis),
            test=signal.test,
            contributors=signal.contributors(reference, analysis) if signal.contributors else (),
            interval=signal.interval(reference, analysis) if signal.interval else None,
        )
        for signal in usable_signals(reference, analysis)
    )
