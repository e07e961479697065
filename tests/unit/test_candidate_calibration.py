"""Calibration maps scores to probabilities and keeps their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from include.candidates.calibration import ScoreCalibration
from include.evaluation.reliability import reliability_curve

QUESTIONS, RANKED = 4000, 6


def sample(seed, distort):
    """Return distorted scores of random questions, best first, and which tags are true."""
    rng = np.random.default_rng(seed)
    probability = np.sort(rng.beta(0.6, 1.2, (QUESTIONS, RANKED)))[:, ::-1]
    found = rng.random(probability.shape) < probability
    return distort(probability).astype(np.float32), found


def overconfident(probability):
    odds = (probability / (1 - probability)) ** 1.8 * 1.5
    return odds / (1 + odds)


def error(scores, found):
    return reliability_curve(scores.astype(np.float64), found).ece


def test_scores_that_are_too_high_become_probabilities_on_other_questions():
    calibration = ScoreCalibration.fit(*sample(1, overconfident))
    scores, found = sample(2, overconfident)

    assert error(scores, found) > 0.05
    assert error(calibration.apply(scores), found) < 0.02


def test_probabilities_stay_nearly_as_they_are():
    scores, found = sample(3, np.asarray)

    assert ScoreCalibration.fit(scores, found).apply(scores) == pytest.approx(scores, abs=0.03)


def test_identity_changes_nothing():
    scores, _ = sample(4, np.asarray)

    assert ScoreCalibration().apply(scores) == pytest.approx(scores, abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)),
    arrays(np.bool_, (3, 4)),
)
def test_order_of_the_tags_is_kept_whatever_it_learned_from(scores, found):
    ranked = -np.sort(-scores, axis=1)

    calibrated = ScoreCalibration.fit(ranked, found).apply(ranked)

    assert (np.diff(calibrated, axis=1) <= 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


def test_of_few_questions_little_is_learned():
    scores = np.array([[0.9, 0.1]], dtype=np.float32)

    calibrated = ScoreCalibration.fit(scores, np.array([[False, True]])).apply(scores)

    assert calibrated == pytest.approx(scores, abs=0.05)
