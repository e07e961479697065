"""The number of tags with the highest expected F1, against enumeration of all outcomes."""

from itertools import combinations, product
from math import exp, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.candidates.suggested_set import (
    MIN_BEST_SCORE,
    SET_LIMIT,
    UNRANKED_TAGS,
    expected_f1,
    suggested_counts,
)
from include.errors import FixInputError

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=5)


def enumerated_f1(scores, chosen, given=0):
    """Return the expected F1 of the tags at ``chosen``: the sum over all that may be true."""
    total = 0.0
    for truth in product((0, 1), repeat=len(scores)):
        chance = np.prod(
            [p if is_true else 1 - p for p, is_true in zip(scores, truth, strict=True)]
        )
        hits = given + sum(truth[i] for i in chosen)
        for unranked in range(25):
            poisson = exp(-UNRANKED_TAGS) * UNRANKED_TAGS**unranked / factorial(unranked)
            size = 2 * given + len(chosen) + sum(truth) + unranked
            total += chance * poisson * (2 * hits / size if size else 0)
    return total


@settings(max_examples=60, deadline=None)
@given(probabilities, st.integers(0, 3))
def test_expected_f1_is_that_of_enumeration(scores, chosen):
    scores = sorted(scores, reverse=True)

    expected = expected_f1(np.array([scores]), chosen)[0]

    enumerated = [enumerated_f1(scores, range(size), chosen) for size in range(len(expected))]
    assert expected == pytest.approx(enumerated, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(probabilities)
def test_no_set_of_tags_has_a_higher_expected_f1_than_the_suggested_one(scores):
    scores = sorted(scores, reverse=True)
    count = int(expected_f1(np.array([scores]))[0].argmax())
    best = enumerated_f1(scores, range(count))

    others = [
        enumerated_f1(scores, chosen)
        for size in range(len(scores) + 1)
        for chosen in combinations(range(len(scores)), size)
    ]

    assert best >= max(others) - 1e-9


def test_certain_tags_are_suggested_and_improbable_ones_are_not():
    assert suggested_counts(np.array([[0.99, 0.98, 0.97, 0.03, 0.01]])).tolist() == [3]


def test_without_a_probable_tag_none_is_suggested():
    just_below = np.nextafter(MIN_BEST_SCORE, 0)

    assert suggested_counts(np.array([[just_below], [MIN_BEST_SCORE]])).tolist() == [0, 1]


def test_never_more_tags_than_a_question_may_have():
    certain = np.ones((1, 9))

    assert suggested_counts(certain).tolist() == [SET_LIMIT]
    assert [expected_f1(certain, chosen).shape[1] - 1 for chosen in range(6)] == [5, 4, 3, 2, 1, 0]


def test_chosen_tags_leave_fewer_to_suggest():
    scores = np.array([[0.5, 0.4, 0.3, 0.2]])

    assert expected_f1(scores).argmax() > expected_f1(scores, 2).argmax()


def test_more_chosen_tags_than_a_question_may_have_are_refused():
    with pytest.raises(FixInputError, match="got 6"):
        expected_f1(np.array([[0.5]]), 6)
