"""Figures of the tags that are suggested outright, and of every threshold."""

import numpy as np
import pytest

from include.evaluation.evaluation import Ranking, evaluate
from include.evaluation.suggested import ScoredTags, threshold_figures, threshold_table

TAGS = [["a", "b", "c"], ["a", "d", "b"], ["c"]]
SCORES = [[0.95, 0.9, 0.05], [0.9, 0.1, 0.05], [0.2]]
TRUE = [("a", "b"), ("b", "a"), ("c",)]


@pytest.fixture
def scored():
    return ScoredTags.of(TAGS, SCORES, TRUE)


def test_f1_is_that_of_the_chosen_number_of_tags_and_0_without_any(scored):
    suggested = scored.suggested()

    assert suggested.count.tolist() == [2, 1, 0]
    assert suggested.f1.tolist() == pytest.approx([1, 2 / 3, 0])


def test_figures_are_over_all_questions(scored):
    assert scored.suggested().figures() == pytest.approx(
        {
            "f1_suggested": (1 + 2 / 3) / 3,
            "precision_suggested": 3 / 3,
            "recall_suggested": 3 / 5,
            "answered_suggested": 2 / 3,
        }
    )


def test_higher_threshold_leaves_fewer_tags(scored):
    figures = threshold_figures(scored)

    assert (figures["precision_from_0.1"], figures["recall_from_0.1"]) == (4 / 5, 4 / 5)
    assert (figures["precision_from_0.9"], figures["recall_from_0.9"]) == (1, 3 / 5)
    assert (figures["answered_from_0.1"], figures["answered_from_0.9"]) == (1, 2 / 3)


def test_without_a_tag_that_reaches_it_a_threshold_has_no_precision():
    figures = threshold_figures(ScoredTags.of([["a"]], [[0.3]], [("a",)]))

    assert "precision_from_0.5" not in figures
    assert figures["answered_from_0.5"] == 0
    assert threshold_table(figures)["precision"] == [1, 1, None, None, None]


def test_table_has_a_row_per_threshold_with_figures():
    assert threshold_table({"f1@5": 0.4}) == {
        "score from": [],
        "precision": [],
        "recall": [],
        "questions answered": [],
    }


def test_evaluation_has_them_for_all_questions_and_by_slice():
    masks = {"short": np.array([True, False, False])}

    evaluation = evaluate(Ranking(TAGS, SCORES), TRUE, {"a", "b", "c"}, masks=masks)

    assert evaluation.figures["f1_suggested"] == pytest.approx((1 + 2 / 3) / 3)
    assert evaluation.figures["answered_from_0.9"] == pytest.approx(2 / 3)
    assert evaluation.slices["short"].figures["f1_suggested"] == 1
