"""Explains drift periods: causes from stored questions and answers, with example questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.drift.reference import REFERENCE_MONTHS
from include.evaluation.causes import (
    QuestionContents,
    QuestionOutcomes,
    find_causes,
    period_sentence,
)
from include.evaluation.drift_periods import BASELINE_MONTHS, DriftPeriod
from include.evaluation.metrics import DEPTH
from include.evaluation.year import Example, ExplainedPeriod
from include.jobs.stability.questions import MonthQuestions, StudyQuestions
from include.months import add_months, months_between
from include.questions import question_link
from include.sources.attribution import licence_at
from include.store.stability import Answers, DisplayedQuestion, StoredMonth

MonthPair = tuple[str, str]
QuestionReader = Callable[[Sequence[int], tuple[str, str]], Sequence[DisplayedQuestion]]
"""Returns questions for display by id, asked from a first to a last month."""


@dataclass(frozen=True)
class PeriodExplainer:
    """
    Explains drift periods.

    Parameters
    ----------
    site : str
    months : mapping of str to StoredMonth
        Consecutive, oldest first.
    answers : mapping of (model month, test month) to Answers
    questions : StudyQuestions
    read_questions : callable
    """

    site: str
    months: Mapping[str, StoredMonth]
    answers: Mapping[MonthPair, Answers]
    questions: StudyQuestions
    read_questions: QuestionReader

    def explain(self, period: DriftPeriod) -> ExplainedPeriod:
        """
        Return a drift period with its causes.

        Questions of the period are compared with the last training months of the model whose
        quality fell; slices with the same kind of model on the months before the period.
        """
        start = next(iter(self.months))
        fresh = period.kind == "fresh"
        months = months_between(period.first, period.last)
        earlier = [add_months(period.first, -back) for back in range(BASELINE_MONTHS, 0, -1)]
        tested = [month for month in earlier if month in self.months]
        model_of = {month: month if fresh else start for month in (*tested, *months)}
        model = model_of[period.first]
        causes = find_causes(
            _contents(self.questions.of_months(self._last_training_months(model))),
            _contents([self._month(month) for month in months]),
            outcomes_before=self._outcomes({month: model_of[month] for month in tested}),
            outcomes=self._outcomes({month: model_of[month] for month in months}),
            vocabulary=self.months[model].vocabulary,
        )
        return ExplainedPeriod(
            period=period,
            sentence=period_sentence(period, causes),
            new_tags=causes.new_tags,
            moved_tags=causes.moved_tags,
            risen_words=causes.risen_words,
            fallen_words=causes.fallen_words,
            slices=causes.slices,
            examples=self._examples({m: model_of[m] for m in months}, causes.examples),
        )

    def _month(self, month: str) -> MonthQuestions:
        questions = self.questions.of(month)
        assert questions is not None, "a month with a model has questions"
        return questions

    def _last_training_months(self, month: str) -> list[str]:
        """Return the last training months of the model of ``month``."""
        first = self.months[month].train_first
        return list(months_between(first, add_months(month, -1))[-REFERENCE_MONTHS:])

    def _outcomes(self, model_of: Mapping[str, str]) -> QuestionOutcomes:
        """Return the outcomes of each month's model on the sampled questions."""
        f1: list[NDArray[np.float64]] = []
        slices: dict[str, list[NDArray[np.bool_]]] = {}
        for month, model in model_of.items():
            rows = self._month(month).rows
            f1.append(self.answers[model, month].scores.take(rows).f1_all(DEPTH))
            for name, mask in self.months[month].model.slices.items():
                slices.setdefault(name, []).append(mask[rows])
        return QuestionOutcomes(
            np.concatenate(f1), {name: np.concatenate(masks) for name, masks in slices.items()}
        )

    def _examples(
        self, model_of: Mapping[str, str], positions: Sequence[int]
    ) -> tuple[Example, ...]:
        """Return the questions at ``positions`` of the period, for display."""
        rows = [(month, row) for month in model_of for row in self._month(month).rows.tolist()]
        selected = [rows[position] for position in positions]
        ids = [self._month(month).ids[row] for month, row in selected]
        months = tuple(model_of)
        displayed = {
            each.question_id: each for each in self.read_questions(ids, (months[0], months[-1]))
        }
        return tuple(
            self._example(displayed[number], self._month(month).tags[row], suggested)
            for number, (month, row) in zip(ids, selected, strict=True)
            if number in displayed
            for suggested in [self.answers[model_of[month], month].suggested[row][:DEPTH]]
        )

    def _example(
        self, question: DisplayedQuestion, tags: tuple[str, ...], suggested: tuple[str, ...]
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


def _contents(months: Sequence[MonthQuestions]) -> QuestionContents:
    """Return words and tags of some months' questions."""
    return QuestionContents(
        words=[words for month in months for words in month.observations.words],
        tags=[tags for month in months for tags in month.observations.tags or ()],
    )
