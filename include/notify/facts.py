"""What the mails and the Slack messages say: plain values, no formatting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.notify.mail import Picture


@dataclass(frozen=True, slots=True)
class Link:
    """Where to read on."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class SignalFact:
    """A signal against its threshold; ``times`` is the value as a multiple of the threshold."""

    title: str
    value: float
    threshold: float
    alarmed: bool

    @property
    def times(self) -> float:
        """Value over threshold, 0 or more."""
        return max(self.value, 0.0) / self.threshold if self.threshold > 0 else 0.0


@dataclass(frozen=True, slots=True)
class MoverFact:
    """A tag or word with its share of the questions then and now, in [0, 1]."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """
    What a check found.

    Parameters
    ----------
    report_id : int
    site : str
    window : str
        A month, or a time span of answers.
    monthly : bool
        Questions with true tags, as opposed to what the service was asked.
    reason : str
        The verdict's sentence.
    since : str
        First month of the unbroken alarm.
    reference : str
        What it was compared with.
    questions : int
    model : str
        Version and family in use.
    signals : sequence of SignalFact
    tags, words : sequence of MoverFact
        Strongest first.
    f1_before, f1_now : float or None
        F1@5 on true tags, on the reference and in the window.
    links : sequence of Link
    pictures : sequence of Picture
    """

    report_id: int
    site: str
    window: str
    monthly: bool
    reason: str
    since: str
    reference: str
    questions: int
    model: str
    signals: Sequence[SignalFact]
    tags: Sequence[MoverFact]
    words: Sequence[MoverFact]
    f1_before: float | None
    f1_now: float | None
    links: Sequence[Link]
    pictures: Sequence[Picture] = ()

    @property
    def alarms(self) -> list[SignalFact]:
        """The signals above their thresholds, furthest above first."""
        alarmed = [signal for signal in self.signals if signal.alarmed]
        return sorted(alarmed, key=lambda signal: -signal.times)


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A candidate's figures on the test month; None where it has none."""

    name: str
    chosen: bool
    f1_1: float | None
    f1_3: float | None
    f1_5: float | None
    f1_all_5: float | None
    coverage: float | None


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """
    How a retraining ended.

    Parameters
    ----------
    key : str
        The MLflow run's id: one mail a training.
    site, test_month : str
    promoted : bool
    candidate : str
        The best candidate.
    version, version_before : str or None
        The champion now and before.
    challenger_version : str or None
        Registered for an A/B test instead of being promoted.
    reason : str
    rows : sequence of FigureRow
        Best first.
    failed : sequence of str
        Candidates that failed.
    drift_report_id : int or None
    links : sequence of Link
    """

    key: str
    site: str
    test_month: str
    promoted: bool
    candidate: str
    version: str | None
    version_before: str | None
    challenger_version: str | None
    reason: str
    rows: Sequence[FigureRow]
    failed: Sequence[str]
    drift_report_id: int | None
    links: Sequence[Link]


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """A rollback that is done: who took the champion from which version to which, and why."""

    key: str
    site: str
    version: str
    version_before: str | None
    actor: str
    reason: str
    verified: str
    links: Sequence[Link]


@dataclass(frozen=True, slots=True)
class AbTestFacts:
    """
    How an A/B test ended.

    Parameters
    ----------
    ab_test_id : int
    site : str
    promoted : bool
        The challenger became champion.
    champion_version, challenger_version : str
        As they were during the test.
    live_version : str
        The champion now: a test is also stopped when somebody else became champion meanwhile.
    shared : str
        How the traffic was shared, in words.
    days : float
        How long it ran.
    reason : str
    units : int or None
        Judged units (clients or questions); None where the test was ended without a look.
    gain, gain_low, gain_high : float or None
        F1@5 of the challenger over the champion with the interval that holds whenever one looks;
        the bounds are None while nothing can be said.
    links : sequence of Link
    """

    ab_test_id: int
    site: str
    promoted: bool
    champion_version: str
    challenger_version: str
    live_version: str
    shared: str
    days: float
    reason: str
    units: int | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    links: Sequence[Link]
