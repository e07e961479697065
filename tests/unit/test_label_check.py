"""Months whose tags must not be learned from, and months that only look unusual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.jobs.training.label_check import MIN_QUESTIONS, label_faults, naming_lift
from include.sandbox.simulator import simulate
from include.text.prepare import prepare
from include.text.prepared import LabelledTexts


def labelled(questions) -> LabelledTexts:
    return LabelledTexts(
        texts=tuple(prepare(question.title, question.body_html) for question in questions),
        tags=tuple(tuple(question.tags) for question in questions),
        asked_at=tuple(question.asked_at for question in questions),
    )


@pytest.fixture(scope="module")
def year() -> LabelledTexts:
    """Four simulated months of 80 questions."""
    made = simulate(
        seed=2, first_month="2023-01", months=4, questions_per_month=80, events=(), site="labels"
    )
    return labelled(made.questions)


@pytest.fixture(scope="module")
def before(year) -> LabelledTexts:
    return year.take(np.arange(len(year) - 80))


@pytest.fixture(scope="module")
def month(year) -> LabelledTexts:
    return year.take(np.arange(len(year) - 80, len(year)))


def with_tag(month: LabelledTexts, tag: str, share: float) -> LabelledTexts:
    count = round(share * len(month))
    tags = [(*own, tag) if row < count else own for row, own in enumerate(month.tags)]
    return replace(month, tags=tuple(tags))


def test_an_ordinary_month_has_no_faults(before, month):
    assert label_faults(before, month) == []


def test_tags_that_were_exchanged_among_questions_are_a_fault(before, month):
    order = np.random.default_rng(1).permutation(len(month))
    exchanged = replace(month, tags=tuple(month.tags[row] for row in order))

    (fault,) = label_faults(before, exchanged)

    assert "tags and texts do not belong together" in fault


def test_one_tag_on_everything_is_a_fault(before, month):
    (fault,) = label_faults(before, with_tag(month, "poison", 1.0))

    assert fault == "poison is on 100% of the questions, after 0% before"


def test_a_new_tag_on_two_questions_in_three_is_news(before, month):
    assert label_faults(before, with_tag(month, "rxjs6", 0.66)) == []


def test_a_tag_that_was_always_on_everything_is_no_fault(before, month):
    always = with_tag(before, "site", 1.0)

    assert label_faults(always, with_tag(month, "site", 1.0)) == []


def test_few_questions_say_nothing(before, month):
    few = month.take(np.arange(MIN_QUESTIONS - 1))

    assert label_faults(before, with_tag(few, "poison", 1.0)) == []


def test_questions_name_their_own_tags_more_often_than_others(before):
    assert 0.3 < naming_lift(before) <= 1
