"""Which tags a model may suggest."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.candidates.base import MAX_TAGS_WITH_RARE, RARE_USES, least_uses, vocabulary_of


def tags_used(uses: int, count: int) -> list[list[str]]:
    return [[f"used-{uses}-{number}"] for number in range(count) for _ in range(uses)]


def test_a_tag_that_was_used_once_can_be_suggested():
    assert vocabulary_of([["python", "flask"], ["python"]], 1) == ("flask", "python")


def test_a_tag_on_two_questions_counts_twice_and_twice_on_one_question_once():
    assert vocabulary_of([["a", "b", "b"], ["a"]], 2) == ("a",)


def test_a_large_site_leaves_out_the_rarest_tags_until_the_vocabulary_is_small_enough():
    tags = tags_used(1, 900) + tags_used(2, 900) + tags_used(9, 900)

    vocabulary = vocabulary_of(tags, 1)

    assert Counter(tag.split("-")[1] for tag in vocabulary) == {"2": 900, "9": 900}


def test_a_site_with_many_common_tags_keeps_all_of_them_and_no_rare_one():
    tags = tags_used(4, 10) + tags_used(5, MAX_TAGS_WITH_RARE + 1)

    vocabulary = vocabulary_of(tags, 1)

    assert len(vocabulary) == MAX_TAGS_WITH_RARE + 1
    assert not any(tag.startswith("used-4-") for tag in vocabulary)


@pytest.mark.parametrize("asked", [1, 3, 5, 10])
@given(uses=st.lists(st.integers(1, 12), max_size=40))
def test_as_many_uses_as_are_asked_for_are_always_needed(asked, uses):
    assert least_uses(uses, asked) == asked  # so few tags always fit


@pytest.mark.parametrize("asked", [RARE_USES, 10])
def test_no_more_uses_are_needed_than_asked_for_from_those_of_a_common_tag_on(asked):
    assert least_uses([20] * 10_000, asked) == asked
