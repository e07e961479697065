"""What candidates learn from, and which of them hold a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.candidates.catalogue import make_candidate
from include.errors import FixInputError
from include.jobs.data.datasets import TrainingData
from include.jobs.training.learned_from import LearnedFrom, check_memory, obstacle
from include.text.prepared import LabelledTexts, PreparedText
from tests.unit.candidate_samples import word_encoders


def window(
    count: int, vocabulary: tuple[str, ...] = ("new", "old"), least_uses: int = 5
) -> TrainingData:
    """Return a window whose first half has the tag ``old``, its second ``new``."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    questions = LabelledTexts(
        texts=(PreparedText("a title", "", ""),) * count,
        tags=tuple(("old",) if row < count // 2 else ("new",) for row in range(count)),
        asked_at=tuple(start + timedelta(days=row) for row in range(count)),
    )
    until = datetime(2025, 1, 1, tzinfo=UTC)
    months = ("2024-01", "2024-12")
    return TrainingData("hash", "site", *months, questions, 1, least_uses, vocabulary, until)


def test_a_family_with_a_limit_learns_from_the_latest_questions():
    tfidf = make_candidate("tfidf", {"max_questions": 40}, word_encoders)

    learned = LearnedFrom.of(tfidf, window(100))

    assert (learned.question_count, learned.window_count) == (40, 100)
    assert learned.first_asked_at == datetime(2024, 3, 1, tzinfo=UTC)
    assert learned.tag_count == 1, "no question with the tag old is among the latest 40"
    assert str(learned).startswith("the latest 40 of 100 questions, asked from 2024-03-01")


def test_tags_count_with_the_uses_that_put_them_in_the_vocabulary_and_not_the_setting():
    tfidf = make_candidate("tfidf", {"max_questions": 53}, word_encoders)

    learned = LearnedFrom.of(tfidf, window(100, least_uses=5))

    assert learned.tag_count == 1, "only three of the latest 53 questions have the tag old"
    assert str(learned).endswith("with 1 tags used at least 5 times")
    assert LearnedFrom.of(tfidf, window(100, least_uses=3)).tag_count == 2


@pytest.mark.parametrize("name", ["linear", "frequency", "lda", "word2vec"])
def test_a_family_without_a_limit_learns_from_all(name):
    learned = LearnedFrom.of(make_candidate(name, None, word_encoders), window(100))

    assert (learned.question_count, learned.tag_count) == (100, 2)
    assert learned.to_dict()["first_asked_at"] == "2024-01-01T00:00:00+00:00"


def test_more_memory_than_the_budget_is_refused_with_the_number_that_it_holds():
    hybrid = make_candidate("hybrid", None, word_encoders)
    data = window(2_000, vocabulary=tuple(f"tag{number:04}" for number in range(5_000)))

    with pytest.raises(FixInputError, match=r"holds (\d+) questions: choose linear") as caught:
        check_memory(hybrid, data, 300)

    held = int(str(caught.value).split("max_questions to ")[1].split(",")[0])
    smaller = make_candidate("hybrid", {"max_questions": held}, word_encoders)
    check_memory(smaller, data, 300)


def test_a_window_beyond_the_limit_is_an_obstacle_and_one_within_is_none():
    tfidf = make_candidate("tfidf", {"max_questions": 40}, word_encoders)

    assert obstacle(tfidf, window(41), 10_000) == "tfidf learns from 40 of 41 questions"
    assert obstacle(tfidf, window(40), 10_000) is None


def test_a_year_of_stack_overflow_leaves_the_families_without_a_limit_that_hold_no_texts():
    names = ["frequency", "tfidf", "linear", "lda", "word2vec", "bert", "use", "hybrid"]

    held = [
        name
        for name in names
        if (candidate := make_candidate(name, None, word_encoders)).fit_memory_mb(800_000, 5_000)
        <= 7_200
        and (candidate.question_limit or 800_000) >= 800_000
    ]

    assert held == ["frequency", "linear", "word2vec"]
