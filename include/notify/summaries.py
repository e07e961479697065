"""The content of mails and Slack messages: plain values, no formatting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.notify.mail import InlineImage


@dataclass(frozen=True, slots=True)
class Link:
    """A link to more information."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class SignalSummary:
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
class ContributorSummary:
    """
    A top contributor: a tag or word with its share of questions before and now, in [0, 1].

    ``significant`` says whether the change holds after correction for the number of names.
    """

    name: str
    before: float
    after: float
    significant: bool = False


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """
    The result of a drift check that raised an alarm.

    Parameters
    ----------
    report_id : int
    site : str
    window : str
        A month, or a time span of answers.
    monthly : bool
        Whether the questions are a month's with true tags, or those that the service answered.
    reason : str
        The verdict in a sentence.
    since : str
        First month of the uninterrupted alarm.
    reference : str
        The reference period.
    questions : str
        How many were compared, and of how many.
    model : str
        Version and family in use.
    signals : sequence of SignalSummary
    tags, words : sequence of ContributorSummary
        Largest contribution first.
    f1_before, f1_now : float or None
        F1@5 on true tags, in the reference period and in the window.
    links : sequence of Link
    images : sequence of InlineImage
    """

    report_id: int
    site: str
    window: str
    monthly: bool
    reason: str
    since: str
    reference: str
    questions: str
    model: str
    signals: Sequence[SignalSummary]
    tags: Sequence[ContributorSummary]
    words: Sequence[ContributorSummary]
    f1_before: float | None
    f1_now: float | None
    links: Sequence[Link]
    images: Sequence[InlineImage] = ()

    @property
    def alarms(self) -> list[SignalSummary]:
        """The signals above their thresholds, largest multiple of the threshold first."""
        alarmed = [signal for signal in self.signals if signal.alarmed]
        return sorted(alarmed, key=lambda signal: -signal.times)


@dataclass(frozen=True, slots=True)
class CandidateScores:
    """
    A candidate's metrics on the test month; None where not measured.

    F1 is over all questions and tags, ``f1_known_5`` over those in the model's vocabulary,
    ``f1_suggested`` of the tags that are suggested outright; ``answered`` is the share of
    questions that get any. ``learned_from`` says how many questions of the window, of which dates,
    with how many tags; empty if unknown.
    """

    name: str
    selected: bool
    f1_1: float | None
    f1_3: float | None
    f1_5: float | None
    f1_known_5: float | None
    coverage: float | None
    learned_from: str = ""
    f1_suggested: float | None = None
    answered: float | None = None


@dataclass(frozen=True, slots=True)
class ThresholdScores:
    """Metrics, in [0, 1], of the tags that reach a score; ``precision`` is None if none does."""

    score: float
    precision: float | None
    recall: float
    answered: float


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """
    The result of a retraining.

    Parameters
    ----------
    key : str
        The MLflow run's id: one mail per training.
    site, test_month : str
    promoted : bool
    candidate : str
        The best candidate.
    version, version_before : str or None
        The champion now and before.
    challenger_version : str or None
        Registered for an A/B test instead of being promoted.
    reason : str
    rows : sequence of CandidateScores
        Best first.
    thresholds : sequence of ThresholdScores
        Of the selected candidate.
    failed : sequence of str
        Candidates that failed.
    drift_report_id : int or None
    links : sequence of Link
    refresh_cause : str
        Of a refresh: ``due``, ``surge`` or ``requested``; empty for a training.
    new_tags : sequence of str
        Of a refresh: used often since the champion learned, which it could not suggest.
    tested : str
        That only a sample of the month was tested, and why; empty if all was.
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
    rows: Sequence[CandidateScores]
    thresholds: Sequence[ThresholdScores]
    failed: Sequence[str]
    drift_report_id: int | None
    links: Sequence[Link]
    refresh_cause: str = ""
    new_tags: Sequence[str] = ()
    tested: str = ""

    @property
    def occasion(self) -> str:
        """What the model was trained for: ``retraining for 2024-03``."""
        if self.refresh_cause:
            return f"refresh judged on {self.test_month}"
        return f"retraining for {self.test_month}"

    @property
    def trained_model(self) -> str:
        """The model of the training, for sentences."""
        return "the refreshed model" if self.refresh_cause else "the retrained model"


@dataclass(frozen=True, slots=True)
class RollbackSummary:
    """The result of a rollback: versions, actor and reason."""

    key: str
    site: str
    version: str
    version_before: str | None
    actor: str
    reason: str
    verified: str
    links: Sequence[Link]


@dataclass(frozen=True, slots=True)
class AbTestSummary:
    """
    The result of an A/B test.

    Parameters
    ----------
    ab_test_id : int
    site : str
    promoted : bool
        Whether the challenger became champion.
    champion_version, challenger_version : str
        During the test.
    served_version : str
        The champion now: a test is also stopped when another version became champion meanwhile.
    shared : str
        How the traffic was split, in words.
    days : float
        Duration in days, >= 0.
    reason : str
    units : int or None
        Units (clients or questions) with known true tags; None if the test was not analysed.
    gain, gain_low, gain_high : float or None
        Difference in F1@5 of challenger and champion with its always-valid confidence interval;
        the bounds are None without enough data.
    links : sequence of Link
    """

    ab_test_id: int
    site: str
    promoted: bool
    champion_version: str
    challenger_version: str
    served_version: str
    shared: str
    days: float
    reason: str
    units: int | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    links: Sequence[Link]


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """A failed task or overdue run: facts as (label, text), and what to do next."""

    key: str
    site: str
    title: str
    rows: Sequence[tuple[str, str]]
    advice: str
    links: Sequence[Link]
