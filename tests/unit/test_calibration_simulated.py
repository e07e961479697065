"""What a score means on later months of the simulated site, for whoever has no real questions."""

from __future__ import annotations

import numpy as np
import pytest

from include.candidates.base import vocabulary_of
from include.candidates.catalogue import make_candidate
from include.evaluation.reliability import reliability_curve
from include.sandbox.simulator import simulate
from include.text.prepare import prepare


def no_encoder(name):
    raise AssertionError(f"tfidf needs no encoder, asked for {name}")


@pytest.fixture(scope="module")
def suggestions():
    """Scores of the first five suggestions for the last third of ten months, and their outcome."""
    questions = simulate(seed=1, months=10, questions_per_month=150, events=()).questions
    texts = [prepare(q.title, q.body_html, (q.site, q.question_id)) for q in questions]
    tags = [q.tags for q in questions]
    learned = len(questions) * 2 // 3
    model = make_candidate("tfidf", None, no_encoder)
    model.fit(texts[:learned], tags[:learned], vocabulary_of(tags[:learned], 1))
    ranked = model.rank(texts[learned:], 5)
    scores = np.array([[item.score for item in row] for row in ranked])
    found = np.array(
        [
            [item.tag in true for item in row]
            for row, true in zip(ranked, tags[learned:], strict=True)
        ]
    )
    return scores, found


def test_expected_calibration_error_on_later_months_is_at_most_three_and_a_half_percent(
    suggestions,
):
    """Of 490 questions, exactly right scores show .018 by chance; uncalibrated ones show .059."""
    assert reliability_curve(*suggestions).ece <= 0.035


def test_of_tags_with_a_score_around_69_percent_about_seven_in_ten_are_true(suggestions):
    scores, found = suggestions
    near = (scores >= 0.62) & (scores < 0.76)

    assert near.sum() > 100
    # three standard errors of a share of .69
    assert found[near].mean() == pytest.approx(0.69, abs=3 * np.sqrt(0.69 * 0.31 / near.sum()))
