"""The verdict of a drift check, from signals and thresholds, with its reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from include.drift.calibration import MIN_MONTH_PAIRS, ThresholdCalibration
from include.drift.signal_catalogue import SIGNAL
from include.drift.signal_types import SignalValue

VerdictKind = Literal["no_reference", "too_few", "quiet", "drift"]

MIN_QUESTIONS: Final = 50
MIN_REFERENCE_QUESTIONS: Final = 100
_CONTRIBUTORS_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """
    The result of a drift check.

    Parameters
    ----------
    kind : str
        ``no_reference``, ``too_few``, ``quiet`` or ``drift``.
    reason : str
        One sentence.
    alarms : tuple of SignalValue
        Signals above their thresholds, sorted by how far they exceed them.
    """

    kind: VerdictKind
    reason: str
    alarms: tuple[SignalValue, ...] = ()


def insufficient_data(reference_count: int | None, analysis_count: int) -> DriftVerdict | None:
    """
    Return the verdict where there are too few questions for a comparison, else None.

    Parameters
    ----------
    reference_count : int or None
        Questions of the reference; None if no model has been promoted yet.
    analysis_count : int
        Questions of the analysis period.
    """
    if reference_count is None:
        return DriftVerdict(
            "no_reference",
            "No model has been promoted yet, so there is no reference to compare with.",
        )
    if reference_count < MIN_REFERENCE_QUESTIONS:
        return DriftVerdict(
            "no_reference",
            f"The reference has {reference_count} questions; a comparison needs "
            f"{MIN_REFERENCE_QUESTIONS}.",
        )
    if analysis_count < MIN_QUESTIONS:
        return DriftVerdict(
            "too_few",
            f"The analysis period has {analysis_count} questions; a comparison needs "
            f"{MIN_QUESTIONS}.",
        )
    return None


def drift_verdict(values: Sequence[SignalValue], calibration: ThresholdCalibration) -> DriftVerdict:
    """
    Return the verdict of comparing signals with their thresholds.

    Parameters
    ----------
    values : sequence of SignalValue
        As ``calculate_signals`` returns them; informational ones have no threshold.
    calibration : ThresholdCalibration
        Of the same reference. With too few months the verdict is ``no_reference``.
    """
    if not calibration.has_enough_months:
        return DriftVerdict(
            "no_reference",
            "Too few months are stored to estimate the between-month variability: "
            f"{calibration.pairs} could be compared with those before them, {MIN_MONTH_PAIRS} are "
            "needed. Ingest earlier months, or wait for later ones.",
        )
    alerting = [value for value in values if value.signal in calibration.null_distributions]
    alarms = calibration.alarms(alerting)
    if not alarms:
        return DriftVerdict(
            "quiet", f"All {len(alerting)} alerting signals are within their thresholds."
        )
    first = alarms[0]
    threshold = calibration.thresholds[first.signal]
    reason = (
        f"{len(alarms)} of {len(alerting)} alerting signals exceeded their thresholds, first "
        f"{SIGNAL[first.signal].title.lower()} ({first.value:.3g}, threshold {threshold:.3g})"
    )
    contributors = describe_contributors(alarms)
    return DriftVerdict("drift", f"{reason}{': ' + contributors if contributors else ''}.", alarms)


def driven_by_one_key(verdict: DriftVerdict, key: str) -> DriftVerdict:
    """Return the verdict on signals that exceed their thresholds because of one API key alone."""
    return DriftVerdict(
        "quiet",
        f"Only because of the API key {key}: {verdict.reason} Without its questions there would be "
        "no alarm. Add the key to TRUSTED_KEYS if it is that of your own program.",
    )


def describe_contributors(alarms: Sequence[SignalValue]) -> str:
    """Return the tags and words of all alarms that changed, as ``combine (0% to 9%)``."""
    shown: dict[str, str] = {}
    for family in ("tags", "text"):
        for alarm in alarms:
            if SIGNAL[alarm.signal].family != family or alarm.signal == "unreachable":
                continue
            for contributor in alarm.contributors:
                if not contributor.significant:
                    continue
                shown.setdefault(
                    contributor.name,
                    f"{contributor.name} ({contributor.before:.1%} to {contributor.after:.1%})",
                )
    return ", ".join(list(shown.values())[:_CONTRIBUTORS_SHOWN])
