"""From signals and thresholds to a verdict with its reason in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from include.drift.calibration import FEWEST_PAIRS, Calibration
from include.drift.signal import SignalValue
from include.drift.signals import SIGNAL

VerdictKind = Literal["no_reference", "too_few", "quiet", "drift"]

FEWEST_QUESTIONS: Final = 50
FEWEST_REFERENCE: Final = 100
_NAMED_MOVERS: Final = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a check says.

    Parameters
    ----------
    kind : str
        ``no_reference``, ``too_few``, ``quiet`` or ``drift``.
    reason : str
        One sentence.
    alarms : tuple of SignalValue
        Signals above their thresholds, furthest above first.
    """

    kind: VerdictKind
    reason: str
    alarms: tuple[SignalValue, ...] = ()


def enough_to_judge(reference_count: int | None, current_count: int) -> Verdict | None:
    """
    Return the verdict where there is too little to compare, else None.

    Parameters
    ----------
    reference_count : int or None
        Questions of the reference; None if no model has been promoted yet.
    current_count : int
        Questions of the window.
    """
    if reference_count is None:
        return Verdict(
            "no_reference", "No model has been promoted yet, so nothing to compare with."
        )
    if reference_count < FEWEST_REFERENCE:
        return Verdict(
            "no_reference",
            f"The reference has {reference_count} questions; a comparison needs "
            f"{FEWEST_REFERENCE}.",
        )
    if current_count < FEWEST_QUESTIONS:
        return Verdict(
            "too_few", f"{current_count} questions came in; a comparison needs {FEWEST_QUESTIONS}."
        )
    return None


def judge(values: Sequence[SignalValue], calibration: Calibration) -> Verdict:
    """
    Compare signals with their thresholds.

    Parameters
    ----------
    values : sequence of SignalValue
        As ``read_signals`` returns them; those without a threshold do not count.
    calibration : Calibration
        Of the same reference. If it has seen too few months, that is the verdict.
    """
    if not calibration.knows_months:
        return Verdict(
            "no_reference",
            "Too few months are stored to tell drift from how months differ anyway: "
            f"{calibration.pairs} could be compared with those before them, {FEWEST_PAIRS} are "
            "needed. Ingest earlier months, or wait for later ones.",
        )
    judged = [value for value in values if value.signal in calibration.nulls]
    alarms = calibration.alarms(judged)
    if not alarms:
        return Verdict("quiet", f"All {len(judged)} signals that vote are within their thresholds.")
    first = alarms[0]
    threshold = calibration.thresholds[first.signal]
    reason = (
        f"{len(alarms)} of {len(judged)} signals passed their thresholds, most of all "
        f"{SIGNAL[first.signal].title.lower()} ({first.value:.3g} against {threshold:.3g})"
    )
    movers = named_movers(alarms)
    return Verdict("drift", f"{reason}{': ' + movers if movers else ''}.", alarms)


def named_movers(alarms: Sequence[SignalValue]) -> str:
    """Return the few tags or words that moved most over all alarms, as ``combine (0% to 9%)``."""
    named: dict[str, str] = {}
    for family in ("tags", "text"):
        for alarm in alarms:
            if SIGNAL[alarm.signal].family != family or alarm.signal == "unreachable":
                continue
            for mover in alarm.movers[:_NAMED_MOVERS]:
                named.setdefault(
                    mover.name, f"{mover.name} ({mover.before:.1%} to {mover.after:.1%})"
                )
    return ", ".join(list(named.values())[:_NAMED_MOVERS])
