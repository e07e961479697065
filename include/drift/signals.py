"""
The catalogue of drift signals, and how they are read.

A signal says nothing by itself about what is normal; ``include.drift.calibration`` finds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from include.drift.answer_signals import ANSWER_SIGNALS
from include.drift.samples import Sample
from include.drift.signal import Signal, SignalValue
from include.drift.tag_signals import TAG_SIGNALS
from include.drift.text_signals import TEXT_SIGNALS

SIGNALS: Final[tuple[Signal, ...]] = (*TEXT_SIGNALS, *TAG_SIGNALS, *ANSWER_SIGNALS)
SIGNAL: Final = {signal.name: signal for signal in SIGNALS}
REPORTED_ONLY: Final = frozenset(
    {"text_length", "code_share", "vanished_tags", "predicted_tags", "confidence"}
)
"""
Do not vote on months: over the months of two real sites none of them rose with a loss of F1, nor
passed its threshold in a month that lost (docs/drift.md). They are read and shown all the same.
"""
MONTHLY_SIGNALS: Final = tuple(s for s in SIGNALS if s.name not in REPORTED_ONLY)
"""Those that vote on a month with its true tags, and share its false-alarm rate."""
UNTAGGED_SIGNALS: Final = tuple(
    signal for signal in SIGNALS if set(signal.needs) <= {"suggested", "scores", "vectors"}
)
"""Those that can be read before the true tags are known, as on what the service was just asked."""


def usable_signals(
    reference: Sample, current: Sample, signals: Sequence[Signal] | None = None
) -> tuple[Signal, ...]:
    """Return the signals for which both samples know what is needed."""
    return tuple(
        signal
        for signal in (SIGNALS if signals is None else signals)
        if all(
            getattr(sample, part) is not None
            for part in signal.needs
            for sample in (reference, current)
        )
    )


def read_signals(reference: Sample, current: Sample) -> tuple[SignalValue, ...]:
    """
    Read every signal for which enough is known, with its movers.

    Parameters
    ----------
    reference, current : Sample
        Built together by ``samples_of``; at least two questions each.
    """
    return tuple(
        SignalValue(
            signal=signal.name,
            value=signal.value(reference, current),
            test=signal.test,
            movers=signal.movers(reference, current) if signal.movers else (),
            interval=signal.interval(reference, current) if signal.interval else None,
        )
        for signal in usable_signals(reference, current)
    )
