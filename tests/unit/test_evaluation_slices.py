import math

import numpy as np
import pytest

from include.errors import FixInputError
from include.evaluation.evaluation import Ranking, evaluate
from include.evaluation.per_tag import figures_per_tag
from include.evaluation.reliability import reliability_curve
from include.evaluation.slices import (
    SliceFeatures,
    TrainingTagCounts,
    common_tags,
    score_without,
    slice_masks,
)

TAGS = [{"python"}, {"python", "kotlin"}, {"python", "swiftui"}, {"python", "combine"}]
QUESTIONS = SliceFeatures(TAGS, word_counts=[10, 49, 50, 300], code_shares=[0, 0.5, 0.51, 1])
TRAINING = TrainingTagCounts(
    tag_counts={"python": 1000, "kotlin": 4, "swiftui": 5},
    question_count=1000,
    recent_tags={"swiftui"},
)


@pytest.fixture
def masks():
    return slice_masks(QUESTIONS, TRAINING, {"python", "kotlin", "swiftui"})


def test_short_questions_have_fewer_than_fifty_words(masks):
    assert masks["short"].tolist() == [True, True, False, False]


def test_code_heavy_questions_are_more_than_half_code(masks):
    assert masks["code_heavy"].tolist() == [False, False, True, True]


def test_rare_tags_are_those_under_half_a_percent_of_training(masks):
    assert masks["rare_tags"].tolist() == [False, True, False, False]


def test_new_tags_are_recent_or_not_in_the_training_window(masks):
    assert masks["new_tags"].tolist() == [False, False, True, True]


def test_common_tags_are_on_more_than_the_share_of_questions():
    assert common_tags([{"a"}, {"a", "b"}, {"c"}, {"d"}], share=0.25) == {"a"}


@pytest.mark.parametrize("share", [0, 1.5])
def test_share_outside_its_range_is_refused(share):
    with pytest.raises(FixInputError, match="share must be in"):
        common_tags([{"a"}], share=share)


def test_left_out_tags_count_neither_as_truth_nor_as_suggestions():
    scores = score_without({"a"}, [["a", "b"], ["a", "c"]], [{"a", "b"}, {"a", "b"}], {"a", "b"})
    assert scores.true_count.tolist() == [1, 1]
    assert scores.hits(1).tolist() == [1, 0]


def test_question_with_only_left_out_tags_is_left_out():
    assert len(score_without({"a"}, [["a"], ["b"]], [{"a"}, {"b"}], {"a", "b"})) == 1


def test_per_tag_counts_uses_suggestions_and_hits():
    figures = figures_per_tag([["a", "b"], ["a", "c"], ["b"]], [{"a"}, {"c"}, {"a"}], k=2)
    by_tag = {row.tag: row for row in figures}
    assert (by_tag["a"].precision, by_tag["a"].recall) == (1 / 2, 1 / 2)
    assert (by_tag["c"].precision, by_tag["c"].recall) == (1, 1)
    assert (by_tag["b"].precision, math.isnan(by_tag["b"].recall)) == (0, True)


def test_per_tag_lists_the_most_used_first():
    figures = figures_per_tag([[], [], []], [{"b"}, {"b"}, {"a"}])
    assert [row.tag for row in figures] == ["b", "a"]
    assert math.isnan(figures[0].precision)


def test_per_tag_counts_only_the_first_k():
    assert figures_per_tag([["a", "b"]], [{"b"}], k=1)[0].hit_count == 0


def test_reliability_curve_by_hand():
    # bin [0.2, 0.4): 0.25 and 0.35, one right; bin [0.8, 1]: 0.9 and 1.0, both right
    scores = np.array([[0.25, 0.35], [0.9, 1.0]])
    found = reliability_curve(scores, np.array([[True, False], [True, True]]), bins=5)
    assert found.counts == (0, 2, 0, 0, 2)
    assert found.mean_scores[1] == pytest.approx(0.30)
    assert found.observed[1] == 0.5
    assert found.ece == pytest.approx((2 * 0.2 + 2 * 0.05) / 4)
    assert found.brier == pytest.approx((0.75**2 + 0.35**2 + 0.1**2 + 0) / 4)


def test_calibration_error_of_calibrated_scores_is_near_zero():
    rng = np.random.default_rng(0)
    scores = rng.random(20_000)
    assert reliability_curve(scores, rng.random(20_000) < scores).ece < 0.02


def test_missing_suggestions_are_not_in_the_reliability_curve():
    found = reliability_curve(np.array([0.5, np.nan]), np.array([True, False]))
    assert sum(found.counts) == 1


def test_score_that_is_no_probability_is_refused():
    with pytest.raises(FixInputError, match=r"in \[0, 1\], got 0.5 to 2"):
        reliability_curve(np.array([0.5, 2.0]), np.array([True, False]))


def ranking(tags):
    return Ranking(tags, [[0.5] * len(row) for row in tags])


def test_evaluation_lists_all_questions_first_and_leaves_out_empty_slices():
    masks = {"short": np.array([True, False]), "code_heavy": np.array([False, False])}
    found = evaluate(ranking([["a"], ["b"]]), [{"a"}, {"a"}], {"a", "b"}, masks=masks)
    assert list(found.slices) == ["all", "short"]
    assert found.slices["short"].question_count == 1
    assert found.slices["short"].figures["hit_rate@1"] == 1
    assert found.figures["hit_rate@1"] == 0.5


def test_evaluation_scores_titles_alone_as_a_slice_of_its_own():
    found = evaluate(
        ranking([["a"], ["a"]]), [{"a"}, {"b"}], {"a", "b"}, masks={}, title_only=[["b"], ["b"]]
    )
    assert found.slices["title_only"].figures["hit_rate@1"] == 0.5


def test_evaluation_without_common_tags_looks_past_them():
    truths = [{"a", str(number)} for number in range(9)] + [{"a"}]
    suggested = [["a", str(number)] for number in range(9)] + [["a"]]
    found = evaluate(ranking(suggested), truths, {"a", *map(str, range(9))}, masks={})
    assert found.slices["without_common_tags"].question_count == 9
    assert found.slices["without_common_tags"].figures["hit_rate@1"] == 1
