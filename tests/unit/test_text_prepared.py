"""Selecting rows of labelled texts."""

from datetime import UTC, datetime

import numpy as np
import pytest

from include.text.prepared import LabelledTexts, PreparedText

QUESTIONS = LabelledTexts(
    tuple(PreparedText(title, "", "") for title in "abc"),
    (("x",), ("y",), ("z",)),
    tuple(datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)),
)


def test_a_mask_selects_texts_tags_and_times_alike():
    taken = QUESTIONS.take(np.array([True, False, True]))

    assert [text.title for text in taken.texts] == ["a", "c"]
    assert taken.tags == (("x",), ("z",))
    assert [moment.day for moment in taken.asked_at] == [1, 3]


@pytest.mark.parametrize("rows", [[2, 0], np.array([2, 0])])
def test_positions_select_in_their_order(rows):
    assert QUESTIONS.take(rows).tags == (("z",), ("x",))


@pytest.mark.parametrize("rows", [[], np.zeros(3, np.bool_), np.zeros(0, np.intp), range(0)])
def test_no_rows_select_nothing(rows):
    assert len(QUESTIONS.take(rows)) == 0


@pytest.mark.parametrize("rows", [[3], np.array([True, False])])
def test_rows_that_do_not_fit_are_refused(rows):
    with pytest.raises(IndexError):
        QUESTIONS.take(rows)


def test_questions_without_a_tag_are_left_out_in_order():
    tags = (("x",), (), ("z",))
    questions = LabelledTexts(QUESTIONS.texts, tags, QUESTIONS.asked_at)

    assert [text.title for text in questions.tagged().texts] == ["a", "c"]
