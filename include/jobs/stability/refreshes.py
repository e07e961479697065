"""A month of a study, answered by models that are refitted within it or that know no rare tags."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

from sqlalchemy import Engine

from include.candidates.base import least_uses, vocabulary_of
from include.evaluation.metrics import QuestionScores
from include.evaluation.refits import Refit, refreshed_month
from include.evaluation.refreshes import (
    COMMON_USES,
    LABEL_DELAY,
    RefreshedMonth,
    surge_refreshes,
    weekly_refreshes,
)
from include.evaluation.surge import PastSpan, past_spans
from include.jobs.data.datasets import TimeSplit
from include.retraining import COMMON_TAGS, REFRESHES_COMMON_TAGS, SURGE, WEEKLY
from include.store.stability import (
    ModelMonth,
    Study,
    read_months,
    read_pairs,
    read_refits,
    read_refreshed_months,
    record_refit,
    record_refreshed_month,
)
from include.text.prepared import LabelledTexts

FitAndScore = Callable[[LabelledTexts, Sequence[str], LabelledTexts], tuple[QuestionScores, float]]
"""Fits on questions with a vocabulary, returns the scores on a test and the fit's seconds."""

_DAY: Final = "%Y-%m-%d"


@dataclass(frozen=True)
class MonthRefreshes:
    """
    Answers a month by other models than its first one, and stores their scores.

    What is stored already is not done again.

    Parameters
    ----------
    engine : Engine
    study : Study
    split : TimeSplit
        Of the month.
    month : ModelMonth
        Stored, with the answers of its first model.
    fit_and_score : callable
        Of a model of the study's family.
    """

    engine: Engine
    study: Study
    split: TimeSplit
    month: ModelMonth
    fit_and_score: FitAndScore

    def refresh(self) -> None:
        """Answer the month with refreshes by each rule; store each refit's answers to the rest."""
        refits = self._refits  # also where every rule is stored: an earlier release kept none
        for rule, days in self._days.items():
            if rule not in self._stored:
                used = [refits[day] for day in days]
                self._record(rule, refreshed_month(self._fresh, used))

    def leave_out_rare_tags(self, *, refreshes: bool) -> None:
        """
        Answer the month by a model that knows no rare tags.

        With ``refreshes`` also by such models that are refitted within it, on the days of `refresh`
        and after it.
        """
        if COMMON_TAGS not in self._stored:
            self._record(COMMON_TAGS, self._common())
        missing = [rule for rule, name in REFRESHES_COMMON_TAGS.items() if name not in self._stored]
        if not refreshes or not missing:
            return
        with self.engine.connect() as connection:
            first = read_refreshed_months(connection, *self._key)[COMMON_TAGS]
        common = first[self.month.month]
        times = {day: at for rule in missing for day, at in self._days[rule].items()}
        refits = {day: self._common_refit(day, at) for day, at in times.items()}
        for rule in missing:
            found = refreshed_month(common.scores, [refits[day] for day in self._days[rule]])
            seconds = common.seconds + found.seconds
            self._record(
                REFRESHES_COMMON_TAGS[rule], RefreshedMonth(found.scores, found.trainings, seconds)
            )

    @property
    def _key(self) -> tuple[str, str, str]:
        return self.study.study_id, self.month.month, self.month.month

    @cached_property
    def _stored(self) -> frozenset[str]:
        """Names of the rules by which the month is answered already."""
        with self.engine.connect() as connection:
            return frozenset(read_refreshed_months(connection, *self._key))

    @cached_property
    def _fresh(self) -> QuestionScores:
        """Scores of the month's first model."""
        name = self.month.month
        return read_pairs(self.engine, *self._key)[name, name].scores

    @cached_property
    def _days(self) -> Mapping[str, Mapping[str, datetime]]:
        """Days of each rule's refits, and their midnights; only those that questions follow."""
        name, test = self.month.month, self.split.test
        surges = surge_refreshes(
            name, test.asked_at, test.tags, self.split.train.vocabulary, self._past
        )
        found = {}
        for rule, times in {WEEKLY: weekly_refreshes(name), SURGE: surges}.items():
            starts = [*(bisect_left(test.asked_at, at) for at in times), len(test)]
            found[rule] = {
                f"{at:{_DAY}}": at
                for at, (start, end) in zip(times, pairwise(starts), strict=True)
                if start < end
            }
        return found

    @cached_property
    def _refits(self) -> Mapping[str, Refit]:
        """Refits of all rules by day; those that are missing are fitted and stored."""
        with self.engine.connect() as connection:
            stored = read_refits(connection, *self._key).get(self.month.month, {})
        times = {day: at for days in self._days.values() for day, at in days.items()}
        for day, at in sorted(times.items()):
            if day not in stored:
                stored[day] = self._refit(at, self._vocabulary(at, self.study.min_tag_count))
                with self.engine.begin() as connection:
                    record_refit(connection, self.study.study_id, self.month, day, stored[day])
        return stored

    def _refit(self, at: datetime, vocabulary: Sequence[str]) -> Refit:
        """Return a model that is refitted at a midnight, with its answers to the rest."""
        test = self.split.test
        asked = test.take(range(bisect_left(test.asked_at, at), len(test)))
        return Refit(*self.fit_and_score(self._learned(at), vocabulary, asked))

    def _learned(self, at: datetime) -> LabelledTexts:
        """Return what a model that is refitted at a midnight learns from."""
        everything = self.split.train.questions + self.split.test
        return everything.take(range(bisect_left(everything.asked_at, at - LABEL_DELAY)))

    def _vocabulary(self, at: datetime, uses: int) -> Sequence[str]:
        return vocabulary_of(self._learned(at).tags, uses)

    def _common(self) -> RefreshedMonth:
        """Return the answers of a model of the month that knows no rare tags."""
        train = self.split.train
        vocabulary = vocabulary_of(train.questions.tags, COMMON_USES)
        if vocabulary == train.vocabulary:  # of a large site: the same model
            with self.engine.connect() as connection:
                fit = read_months(connection, *self._key)[self.month.month].fit
            return RefreshedMonth(self._fresh, 1, math.nan if fit is None else fit.seconds)
        scores, seconds = self.fit_and_score(train.questions, vocabulary, self.split.test)
        return RefreshedMonth(scores, 1, seconds)

    def _common_refit(self, day: str, at: datetime) -> Refit:
        """Return a refit of the month that knows no rare tags."""
        vocabulary = self._vocabulary(at, COMMON_USES)
        if vocabulary == self._vocabulary(at, self.study.min_tag_count):
            return self._refits[day]
        return self._refit(at, vocabulary)

    def _record(self, rule: str, found: RefreshedMonth) -> None:
        with self.engine.begin() as connection:
            record_refreshed_month(connection, self.study.study_id, self.month, rule, found)

    def _past(self, until: datetime, days: int) -> list[PastSpan]:
        """Return the spans of so many days before a moment: what was usual then."""
        everything = self.split.train.questions + self.split.test
        asked_at, tags = everything.asked_at, everything.tags
        return past_spans(asked_at, tags, until=until, days=days, least_uses=self._least_uses)

    @cached_property
    def _least_uses(self) -> int:
        uses = Counter(tag for row in self.split.train.questions.tags for tag in set(row))
        return least_uses(uses.values(), self.study.min_tag_count)
