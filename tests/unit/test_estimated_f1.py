"""F1 estimated from calibrated scores."""

import numpy as np
import pytest

from include.drift.estimated_f1 import DEPTH, estimated_f1

THREE = np.array([3])


def world(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, which suggestions are true (as the scores say), and the numbers of tags."""
    scores = np.sort(random.beta(0.8, 1.6, (count, DEPTH)), axis=1)[:, ::-1]
    found = random.random((count, DEPTH)) < scores
    tag_counts = np.maximum(found.sum(axis=1), random.integers(1, 6, count))
    return scores, found, tag_counts


def test_estimate_is_the_truth_for_calibrated_scores():
    scores, found, tag_counts = world(np.random.default_rng(1), 20_000)
    truth = (2 * found.sum(axis=1) / (DEPTH + tag_counts)).mean()
    # What is left: hits that are many by chance, and the tags that a question then has at least
    assert estimated_f1(scores, tag_counts).mean == pytest.approx(truth, abs=0.01)


def test_interval_holds_the_expected_precision_as_often_as_it_says():
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        scores, found, _ = world(random, 150)
        estimate = estimated_f1(scores, THREE)
        realised = (2 * found.sum(axis=1) / (DEPTH + 3.0)).mean()
        inside += estimate.low <= realised <= estimate.high
    assert inside / 400 >= 0.95


def test_harder_questions_lower_the_estimate():
    scores, *_ = world(np.random.default_rng(3), 500)
    assert estimated_f1(scores * 0.7, THREE).high < estimated_f1(scores, THREE).low


def test_estimate_stays_between_0_and_1():
    certain = np.ones((3, DEPTH))
    none = np.zeros((3, DEPTH))
    assert estimated_f1(certain, np.array([5])).high == 1.0
    assert estimated_f1(none, THREE).low == 0.0


def test_question_has_at_least_as_many_tags_as_suggestions_that_are_true():
    four_true = np.array([[1.0, 1.0, 1.0, 1.0, 0.0]])
    assert estimated_f1(four_true, np.array([1, 5])).mean == pytest.approx((8 / 9 + 8 / 10) / 2)


def test_only_the_suggestions_that_count_are_expected_to_be_true():
    scores = np.array([[0.8, 0.6, 0.4, 0.2, 0.1]] * 2)
    found = estimated_f1(scores, THREE, np.array([2, 0]))
    assert found.mean == pytest.approx((2 * 1.4 / (2 + 3) + 0) / 2)
