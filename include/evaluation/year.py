"""
The results of a year of monthly models: what the page shows and MLflow stores. Pure.

A model is identified by its model month, the first month after its training window (as in
`include.evaluation.decay`). The **fresh** model of a month is the one trained on the months before
it; the **frozen** model is the fresh one of the first month.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.evaluation.decay import DecayMatrix, HalfLife
from include.evaluation.drift_periods import DriftPeriod, MonthTest
from include.evaluation.policies import PolicyCurve
from include.evaluation.refits import MonthRefits
from include.evaluation.refreshes import Gain
from include.evaluation.schedules import Prices


@dataclass(frozen=True, slots=True)
class TagChange:
    """
    A tag whose use changed.

    Parameters
    ----------
    tag : str
    before, after : float
        Share of questions with the tag, before and in the period, in [0, 1].
    known : bool
        Whether it is in the vocabulary of the model whose quality fell.
    """

    tag: str
    before: float
    after: float
    known: bool


@dataclass(frozen=True, slots=True)
class WordChange:
    """A word whose use changed; shares of questions as in `TagChange`, ``z`` of its log-odds."""

    word: str
    before: float
    after: float
    z: float


@dataclass(frozen=True, slots=True)
class SliceLoss:
    """A slice of the questions, its F1@5 before and in the period, and how many in the period."""

    name: str
    before: float
    after: float
    question_count: int


@dataclass(frozen=True, slots=True)
class Example:
    """
    A question of the period that the model failed on.

    Parameters
    ----------
    question_id : int
    title, link : str
        Of the question on its site; ``author`` and ``licence`` are shown with it (CC BY-SA).
    author, licence : str or None
    tags, suggested : tuple of str
        True tags, and the suggestions of the model whose quality fell, best first.
    """

    question_id: int
    title: str
    link: str
    author: str | None
    licence: str | None
    tags: tuple[str, ...]
    suggested: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPeriod:
    """
    A drift period with its causes, largest change first in each list.

    Parameters
    ----------
    period : DriftPeriod
    sentence : str
        Period and causes in one sentence for people.
    new_tags, moved_tags : tuple of TagChange
        Tags outside the model's vocabulary, and tags inside it whose share changed.
    risen_words, fallen_words : tuple of WordChange
    slices : tuple of SliceLoss
        Largest loss first.
    examples : tuple of Example
    """

    period: DriftPeriod
    sentence: str
    new_tags: tuple[TagChange, ...]
    moved_tags: tuple[TagChange, ...]
    risen_words: tuple[WordChange, ...]
    fallen_words: tuple[WordChange, ...]
    slices: tuple[SliceLoss, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class MonthFit:
    """
    What a month's model learned from: the latest questions of its training window, often all.

    Parameters
    ----------
    question_count, window_count : int
        Questions that it learned from, and those of the window.
    first_day, last_day : str
        ``YYYY-MM-DD``, UTC, on which the first and the last of them were asked.
    seconds : float
        That the fit took by the clock; NaN if an earlier release did not record it.
    """

    question_count: int
    window_count: int
    first_day: str
    last_day: str
    seconds: float = math.nan

    @property
    def partial(self) -> bool:
        """Whether it learned from less than the window."""
        return self.question_count < self.window_count


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """
    One month and its fresh model.

    Parameters
    ----------
    month : str
    question_count, vocabulary_size : int
        Tested questions; tags in the vocabulary of the fresh model.
    f1, low, high : float
        F1@5 over all questions of the fresh model, with its interval (95 %).
    coverage, ceiling : float
        Share of true tag uses inside the vocabulary; what a perfect ranker would reach. In [0, 1].
    unknown_words : float
        Share of the questions' distinct words that are not in the training window, in [0, 1].
    learned_tags : tuple of str
        Tags that entered the vocabulary with this training; empty for the first month.
    f1_without_learned : float
        F1@5 of the fresh model's suggestions without these tags.
    encoder_refreshed : bool
        Whether the share of unknown words indicated that word vectors needed refitting.
    run_url : str
        The month's run in MLflow.
    fit : MonthFit or None
        Of the fresh model; None in reports of earlier releases.
    """

    month: str
    question_count: int
    vocabulary_size: int
    f1: float
    low: float
    high: float
    coverage: float
    ceiling: float
    unknown_words: float
    learned_tags: tuple[str, ...]
    f1_without_learned: float
    encoder_refreshed: bool
    run_url: str
    fit: MonthFit | None = None


@dataclass(frozen=True, slots=True, eq=False)
class YearReport:
    """
    A candidate's stability over consecutive months.

    Parameters
    ----------
    site, candidate : str
    months : tuple of str
        Test months, oldest first, without a gap; at least one.
    window_months : int or None
        Length of the training window in months; None for all months before.
    figures : tuple of MonthFigures
        One for each month.
    matrices : mapping of str to DecayMatrix
        For ``f1_all@5``, ``coverage`` and ``ceiling_all@5``.
    half_life : HalfLife or None
        None with a single month.
    curves : mapping of str to PolicyCurve
        By retraining policy.
    alarms : tuple of str
        Months with a drift alarm, on which the policy ``on_drift`` retrains.
    policy, recommendation : str
        The recommended policy, and the reason in a sentence.
    tests : tuple of MonthTest
    periods : tuple of ExplainedPeriod
        Months with a significant loss.
    refreshes : mapping of str to PolicyCurve
        With refreshes within each month, by rule; only of rules by which every month was studied.
    common_tags : PolicyCurve or None
        Of monthly models that know only tags of five uses or more; its loss is what rare tags gain.
        None unless every month was studied so.
    refreshes_common_tags : mapping of str to PolicyCurve
        The same with refreshes within each month, by rule.
    rare_tags_gains : mapping of str to Gain
        What rare tags gain where models are refreshed by a rule.
    refits : tuple of MonthRefits
        One for each month, from which the best refreshes in hindsight are found (`best_refits`);
        empty unless every month was studied so.
    prices : Prices or None
        Of a training and of a lost point, if they were given.
    """

    site: str
    candidate: str
    months: tuple[str, ...]
    window_months: int | None
    figures: tuple[MonthFigures, ...]
    matrices: Mapping[str, DecayMatrix]
    half_life: HalfLife | None
    curves: Mapping[str, PolicyCurve]
    alarms: tuple[str, ...]
    policy: str
    recommendation: str
    tests: tuple[MonthTest, ...]
    periods: tuple[ExplainedPeriod, ...]
    refreshes: Mapping[str, PolicyCurve] = field(default_factory=dict)
    common_tags: PolicyCurve | None = None
    prices: Prices | None = None
    refreshes_common_tags: Mapping[str, PolicyCurve] = field(default_factory=dict)
    rare_tags_gains: Mapping[str, Gain] = field(default_factory=dict)
    refits: tuple[MonthRefits, ...] = ()


def learned_from_less(figures: Sequence[MonthFigures]) -> str:
    """
    Return a sentence on the models that learned from less than their window; empty without any.

    Examples
    --------
    >>> fit = MonthFit(20_000, 66_000, "2024-01-22", "2024-01-31")
    >>> month = MonthFigures("2024-02", 1, 1, 0, 0, 0, 0, 0, 0, (), 0, False, "", fit)
    >>> learned_from_less([month])  # doctest: +NORMALIZE_WHITESPACE
    'The model of 2024-02 learned from only the latest 20,000 of the 66,000 questions of its window,
    those asked from 2024-01-22 to 2024-01-31.'
    """
    partial = [(each.month, each.fit) for each in figures if each.fit and each.fit.partial]
    if not partial:
        return ""
    month, fit = partial[-1]
    others = (
        f"The models of {len(partial)} of {len(figures)} months did not learn from their whole "
        "window. "
        if len(partial) > 1
        else ""
    )
    return (
        f"{others}The model of {month} learned from only the latest {fit.question_count:,} of the "
        f"{fit.window_count:,} questions of its window, those asked from {fit.first_day} to "
        f"{fit.last_day}."
    )
