"""When the tags of a second reading are refused."""

import pytest

from include.errors import CheckFailedError
from include.jobs.ingestion.settled_labels import MIN_COMPARED, refuse_wrong_tags
from include.store.label_readings import LabelSums


def page(compared: int, changed: int) -> LabelSums:
    return LabelSums(questions=compared, compared=compared, changed=changed)


def test_page_of_which_half_is_edited_is_not_refused():
    refuse_wrong_tags(page(100, 50), (0, 0), "2024-02")


def test_page_of_which_most_is_changed_is_refused_whatever_was_read_before():
    with pytest.raises(CheckFailedError, match="51 of 100 questions of 2024-02"):
        refuse_wrong_tags(page(100, 51), (5_000, 0), "2024-02")


def test_small_page_counts_with_what_was_read_before():
    refuse_wrong_tags(page(4, 4), (20, 2), "2024-02")
    with pytest.raises(CheckFailedError, match="21 of 24 questions"):
        refuse_wrong_tags(page(4, 4), (20, 17), "2024-02")


def test_few_questions_say_nothing():
    refuse_wrong_tags(page(MIN_COMPARED - 1, MIN_COMPARED - 1), (0, 0), "2024-02")
