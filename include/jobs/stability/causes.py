"""Reads what a period of drift is about, and explains it with questions that people can look up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.drift.reference import REFERENCE_MONTHS
from include.evaluation.causes import Asked, Judged, find_causes, say
from include.evaluation.metrics import DEPTH
from include.evaluation.periods import BEFORE, Period
from include.evaluation.year import Example, ExplainedPeriod
from include.jobs.stability.questions import MonthQuestions, Questions
from include.months import add_months, months_between
from include.sources.attribution import licence_at, question_link
from include.store.stability import Answers, Shown, StoredMonth

Pair = tuple[str, str]
Show = Callable[[Sequence[int], tuple[str, str]], Sequence[Shown]]
"""Returns what people are shown of questions asked from a first to a last month."""


@dataclass(frozen=True)
class Explainer:
    """
    Explains periods of drift.

    Parameters
    ----------
    site : str
    months : mapping of str to StoredMonth
        Consecutive, oldest first.
    answers : mapping of (model month, test month) to Answers
    questions : Questions
    show : callable
    """

    site: str
    months: Mapping[str, StoredMonth]
    answers: Mapping[Pair, Answers]
    questions: Questions
    show: Show

    def explain(self, period: Period) -> ExplainedPeriod:
        """
        Return a period with its causes.

        Questions of the period are compared with the latest that the model which lost has learned;
        slices with how the same kind of model did on the months before the period.
        """
        start = next(iter(self.months))
        fresh = period.kind == "fresh"
        inside = months_between(period.first, period.last)
        earlier = [add_months(period.first, -back) for back in range(BEFORE, 0, -1)]
        tested = [month for month in earlier if month in self.months]
        model_of = {month: month if fresh else start for month in (*tested, *inside)}
        loser = model_of[period.first]
        causes = find_causes(
            _asked(self.questions.some(self._learned_last(loser))),
            _asked([self._month(month) for month in inside]),
            judged_before=self._judged({month: model_of[month] for month in tested}),
            judged=self._judged({month: model_of[month] for month in inside}),
            vocabulary=self.months[loser].vocabulary,
        )
        return ExplainedPeriod(
            period=period,
            sentence=say(period, causes),
            new_tags=causes.new_tags,
            moved_tags=causes.moved_tags,
            risen_words=causes.risen_words,
            fallen_words=causes.fallen_words,
            slices=causes.slices,
            examples=self._examples({m: model_of[m] for m in inside}, causes.examples),
        )

    def _month(self, month: str) -> MonthQuestions:
        questions = self.questions.of(month)
        assert questions is not None, "a month with a model has questions"
        return questions

    def _learned_last(self, month: str) -> list[str]:
        """Return the last months that the model of ``month`` has learned from."""
        first = self.months[month].train_first
        return list(months_between(first, add_months(month, -1))[-REFERENCE_MONTHS:])

    def _judged(self, model_of: Mapping[str, str]) -> Judged:
        """Return what the model of each month made of the questions that are looked at."""
        f1: list[NDArray[np.float64]] = []
        slices: dict[str, list[NDArray[np.bool_]]] = {}
        for month, model in model_of.items():
            rows = self._month(month).rows
            f1.append(self.answers[model, month].scores.take(rows).f1_all(DEPTH))
            for name, mask in self.months[month].model.slices.items():
                slices.setdefault(name, []).append(mask[rows])
        return Judged(
            np.concatenate(f1), {name: np.concatenate(masks) for name, masks in slices.items()}
        )

    def _examples(self, model_of: Mapping[str, str], places: Sequence[int]) -> tuple[Example, ...]:
        """Return the questions at ``places`` of the period, as people can look them up."""
        rows = [(month, row) for month in model_of for row in self._month(month).rows.tolist()]
        wanted = [rows[place] for place in places]
        ids = [self._month(month).ids[row] for month, row in wanted]
        months = tuple(model_of)
        shown = {each.question_id: each for each in self.show(ids, (months[0], months[-1]))}
        return tuple(
            self._example(shown[number], self._month(month).tags[row], suggested)
            for number, (month, row) in zip(ids, wanted, strict=True)
            if number in shown
            for suggested in [self.answers[model_of[month], month].suggested[row][:DEPTH]]
        )

    def _example(
        self, question: Shown, tags: tuple[str, ...], suggested: tuple[str, ...]
    ) -> Example:
        return Example(
            question_id=question.question_id,
            title=question.title,
            link=question.link or question_link(self.site, question.question_id),
            author=question.author or None,
            licence=question.licence or licence_at(question.asked_at),
            tags=tags,
            suggested=suggested,
        )


def _asked(months: Sequence[MonthQuestions]) -> Asked:
    """Return some months' questions together."""
    return Asked(
        words=[words for month in months for words in month.observed.words],
        tags=[tags for month in months for tags in month.observed.tags or ()],
    )
