"""What a score means on months of a real site that the models had not seen."""

from __future__ import annotations

from operator import attrgetter

import numpy as np
import pytest

from include.candidates.base import vocabulary_of
from include.candidates.catalogue import make_candidate
from include.evaluation.reliability import reliability_curve
from include.months import add_months, month_of
from include.text.prepare import prepare

pytestmark = [pytest.mark.integration, pytest.mark.real_data]


def no_encoder(name):
    raise AssertionError(f"tfidf needs no encoder, asked for {name}")


@pytest.fixture(scope="module")
def suggestions(devops_questions):
    """Scores of the first five suggestions of each question of 2019, and whether they were true."""
    questions = sorted(devops_questions, key=attrgetter("asked_at", "question_id"))
    texts = [prepare(q.title, q.body_html, (q.site, q.question_id)) for q in questions]
    tags = [q.tags for q in questions]
    asked = np.array([month_of(q.asked_at) for q in questions])
    scores, found = [], []
    for month in ("2019-01", "2019-04", "2019-07", "2019-10"):  # a fit for each quarter
        count, end = (asked < month).sum(), (asked < add_months(month, 3)).sum()
        model = make_candidate("tfidf", None, no_encoder)
        model.fit(texts[:count], tags[:count], vocabulary_of(tags[:count], 1))
        for row, true in zip(model.rank(texts[count:end], 5), tags[count:end], strict=True):
            scores.append([item.score for item in row])
            found.append([item.tag in true for item in row])
    return np.array(scores), np.array(found)


def test_expected_calibration_error_over_a_year_is_at_most_two_percent(suggestions):
    assert reliability_curve(*suggestions).ece <= 0.02


def test_of_tags_with_a_score_around_69_percent_about_seven_in_ten_are_true(suggestions):
    scores, found = suggestions
    near = (scores >= 0.62) & (scores < 0.76)

    assert near.sum() > 200
    # three standard errors of a share of .69
    assert found[near].mean() == pytest.approx(0.69, abs=3 * np.sqrt(0.69 * 0.31 / near.sum()))
