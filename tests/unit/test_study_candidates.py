"""The candidates of a study that names none follow the size of the site's training windows."""

import pytest

from include import names
from include.jobs.stability.default_candidate import largest_window, that_hold
from include.jobs.stability.study import request_from_run
from include.jobs.training.plan import CandidateSpec, expand_candidates

LIMITS = {"tfidf": 20_000, "linear": None}


def chosen(question_count, parameters=None):
    candidates = expand_candidates(names.STUDY_CANDIDATES, parameters)
    found = that_hold(candidates, question_count, lambda spec: LIMITS[spec.name])
    return [spec.label for spec in found]


@pytest.mark.parametrize(("count", "family"), [(20_000, "tfidf"), (20_001, "linear")])
def test_family_that_holds_the_window_is_studied(count, family):
    assert chosen(count) == [family]


def test_every_set_of_parameters_of_the_family_is_studied():
    assert chosen(100, {"tfidf": [{}, {"penalty": 2}]}) == ["tfidf", "tfidf (penalty=2)"]


def test_months_that_are_not_stored_count_as_empty_in_a_window():
    assert largest_window({"2024-01": 5, "2024-03": 7, "2024-04": 4}, 2) == 7


@pytest.mark.parametrize("candidates", [None, [], [names.AUTO]])
def test_study_without_candidates_follows_the_window(candidates):
    request = request_from_run({"month": "2024-01", "candidates": candidates}, None, None)
    assert request.whole_window_only


def test_named_candidate_is_studied_whatever_the_window():
    request = request_from_run({"month": "2024-01", "candidates": ["tfidf"]}, None, None)
    assert not request.whole_window_only
    assert request.candidates == (CandidateSpec("tfidf"),)
