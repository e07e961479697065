"""F1 estimated from calibrated scores."""

import numpy as np
import pytest

from include.drift.estimated_f1 import DEPTH, estimated_f1


def world(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, which suggestions are true (as the scores say), and the numbers of tags."""
    scores = np.sort(random.beta(0.8, 1.6, (count, DEPTH)), axis=1)[:, ::-1]
    found = random.random((count, DEPTH)) < scores
    tag_counts = np.maximum(found.sum(axis=1), random.integers(1, 6, count))
    return scores, found, tag_counts


def test_estimate_is_the_truth_for_calibrated_scores():
    scores, found, tag_counts = world(np.random.default_rng(1), 20_000)
    truth = (2 * found.sum(axis=1) / (DEPTH + tag_counts)).mean()
    # That questions with many tags have more true suggestions is what the mean leaves out
    assert estimated_f1(scores, tag_counts.mean()).mean == pytest.approx(truth, abs=0.02)


def test_interval_holds_the_expected_precision_as_often_as_it_says():
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        scores, found, _ = world(random, 150)
        estimate = estimated_f1(scores, 3.0)
        realised = (2 * found.sum(axis=1) / (DEPTH + 3.0)).mean()
        inside += estimate.low <= realised <= estimate.high
    assert inside / 400 >= 0.95


def test_harder_questions_lower_the_estimate():
    scores, *_ = world(np.random.default_rng(3), 500)
    assert estimated_f1(scores * 0.7, 3.0).high < estimated_f1(scores, 3.0).low


def test_estimate_stays_between_0_and_1():
    certain = np.ones((3, DEPTH))
    none = np.zeros((3, DEPTH))
    assert estimated_f1(certain, 5.0).high == 1.0
    assert estimated_f1(none, 3.0).low == 0.0
