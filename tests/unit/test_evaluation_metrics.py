"""Worked by hand: three questions, a vocabulary of four tags, five suggestions each."""

import math

import numpy as np
import pytest

from include.errors import FixInputError
from include.evaluation.metrics import pool, score_questions, summarise

VOCABULARY = {"python", "pandas", "django", "sql", "java"}
# hits at ranks 1 and 3; all three tags reachable
# no hit; its only tag is outside the vocabulary
# hit at rank 2; one of two tags reachable
RANKED = [
    ["python", "sql", "pandas", "java", "django"],
    ["python", "sql", "pandas", "java", "django"],
    ["java", "sql", "pandas", "python", "django"],
]
TRUE = [{"python", "pandas", "django"}, {"combine"}, {"sql", "oracle"}]


@pytest.fixture
def scores():
    return score_questions(RANKED, TRUE, VOCABULARY)


def test_capped_precision_is_hits_over_k(scores):
    assert scores.precision(3)[[0, 2]] == pytest.approx([2 / 3, 1 / 3])


def test_capped_recall_divides_by_k_while_a_question_has_more_tags(scores):
    assert scores.recall(1)[0] == 1.0  # 1 hit, k=1, 3 tags
    assert scores.recall(2)[0] == pytest.approx(1 / 2)  # 1 hit, k=2, 3 tags


def test_capped_recall_divides_by_tags_once_k_reaches_them(scores):
    assert scores.recall(3)[0] == pytest.approx(2 / 3)
    assert scores.recall(5)[0] == pytest.approx(3 / 3)


def test_capped_recall_counts_only_tags_inside_the_vocabulary(scores):
    assert scores.recall(5)[2] == 1.0  # sql found; oracle is unreachable


def test_f1_is_the_harmonic_mean_of_precision_and_capped_recall(scores):
    precision, recall = 3 / 5, 1.0
    assert scores.f1(5)[0] == pytest.approx(2 * precision * recall / (precision + recall))


def test_question_without_a_reachable_tag_is_left_out_of_capped_means(scores):
    assert math.isnan(scores.f1(5)[1])
    assert summarise(scores)["f1@1"] == pytest.approx((1.0 + 0.0) / 2)


def test_question_without_a_reachable_tag_scores_zero_over_all_questions(scores):
    # question 1: P 3/5, R 3/3 -> 6/8; question 2: 0; question 3: P 1/5, R 1/2 -> 2/7
    assert summarise(scores)["f1_all@5"] == pytest.approx((6 / 8 + 0 + 2 / 7) / 3)


def test_true_recall_divides_by_every_true_tag(scores):
    assert summarise(scores)["recall_all@5"] == pytest.approx((1 + 0 + 1 / 2) / 3)


def test_ceiling_over_all_questions_is_what_a_perfect_ranker_reaches(scores):
    # 3 of 3 reachable: 6/8; 0 of 1: 0; 1 of 2: 2/7
    assert summarise(scores)["ceiling_all@5"] == pytest.approx((6 / 8 + 0 + 2 / 7) / 3)
    assert summarise(scores)["ceiling@1"] == 1.0


def test_perfect_ranking_reaches_the_ceiling_at_every_k():
    ranked = [["python", "pandas", "django"], ["java"], ["sql"]]
    figures = summarise(score_questions(ranked, TRUE, VOCABULARY))
    for k in range(1, 6):
        assert figures[f"f1@{k}"] == figures[f"ceiling@{k}"]
        assert figures[f"f1_all@{k}"] == figures[f"ceiling_all@{k}"]


def test_hit_rate_counts_questions_with_a_true_tag_among_the_first_k(scores):
    figures = summarise(scores)
    assert figures["hit_rate@1"] == pytest.approx(1 / 3)
    assert figures["hit_rate@2"] == pytest.approx(2 / 3)


def test_mrr_is_the_mean_reciprocal_rank_of_the_first_hit(scores):
    assert summarise(scores)["mrr"] == pytest.approx((1 + 0 + 1 / 2) / 3)


def test_ndcg_discounts_by_rank_against_an_ideal_of_all_true_tags(scores):
    first = (1 + 1 / math.log2(4) + 1 / math.log2(6)) / (1 + 1 / math.log2(3) + 1 / 2)
    third = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert scores.ndcg() == pytest.approx([first, 0, third])


def test_coverage_is_the_share_of_tag_uses_inside_the_vocabulary(scores):
    assert summarise(scores)["coverage"] == pytest.approx(4 / 6)


def test_tag_suggested_twice_counts_once():
    scores = score_questions([["sql", "sql"]], [{"sql", "java"}], VOCABULARY)
    assert scores.hits(5).tolist() == [1]


def test_suggestions_beyond_the_fifth_do_not_count():
    ranked = [["a", "b", "c", "d", "e", "sql"]]
    assert score_questions(ranked, [{"sql"}], VOCABULARY).hits(5).tolist() == [0]


def test_fewer_suggestions_than_k_are_still_divided_by_k():
    assert score_questions([["sql"]], [{"sql"}], VOCABULARY).precision(5)[0] == pytest.approx(0.2)


def test_pooled_months_are_weighted_by_their_questions(scores):
    other = score_questions([["sql"]] * 9, [{"sql"}] * 9, VOCABULARY)
    assert summarise(pool([scores, other]))["hit_rate@1"] == pytest.approx(10 / 12)


def test_taken_questions_keep_their_own_counts(scores):
    assert scores.take(np.array([False, False, True])).true_count.tolist() == [2]


def test_untagged_question_is_refused():
    with pytest.raises(FixInputError, match="question 0 of 1 has no true tag"):
        score_questions([["sql"]], [set()], VOCABULARY)


def test_rankings_and_truths_of_different_length_are_refused():
    with pytest.raises(FixInputError, match="1 rankings for 2 questions"):
        score_questions([["sql"]], [{"sql"}, {"sql"}], VOCABULARY)


@pytest.mark.parametrize("k", [0, 6])
def test_k_outside_what_was_recorded_is_refused(scores, k):
    with pytest.raises(FixInputError, match=r"k must be in 1\.\.5"):
        scores.f1(k)


def test_figures_over_no_question_are_not_a_number(scores):
    empty = scores.take(np.array([], dtype=np.intp))
    assert all(math.isnan(value) for value in summarise(empty).values())
