"""A simulated site as large as Stack Overflow: its laws, and the same questions for every split."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from include.candidates.term_counts import TermCounts, count_texts
from include.errors import FixInputError
from include.months import month_of
from include.questions import Question
from include.sandbox.large_site import LargeSite, large_questions
from include.sandbox.question_files import write_questions
from include.sources.dump import read_dump
from include.sources.jsonl import read_jsonl
from include.text.prepare import prepare

SITE = LargeSite(questions=6_400, months=3)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return list(large_questions(SITE))


@pytest.fixture(scope="module")
def counts(questions: list[Question]) -> TermCounts:
    return count_texts(prepare(q.title, q.body_html) for q in questions)


def test_every_question_is_made_in_its_month(questions: list[Question]) -> None:
    assert Counter(month_of(q.asked_at) for q in questions) == SITE.volumes
    assert sum(SITE.volumes.values()) == len(questions) == 6_400


@pytest.mark.parametrize("count", [13, 20_000, 300_000, 1_000_000])
def test_the_months_before_the_last_have_exactly_the_number_that_is_asked_for(count: int) -> None:
    site = LargeSite.with_questions_before_the_last_month(count, 13)

    *before, last = site.volumes.values()

    assert (len(before), sum(before)) == (12, count)
    assert last > 0


def test_ids_and_times_ascend(questions: list[Question]) -> None:
    assert all(
        a.question_id < b.question_id and a.asked_at <= b.asked_at for a, b in pairwise(questions)
    )
    assert questions[0].asked_at.utcoffset() == timedelta(0)


def test_several_processes_make_the_same_questions(questions: list[Question]) -> None:
    assert list(large_questions(SITE, processes=2)) == questions


def test_another_seed_makes_other_questions(questions: list[Question]) -> None:
    other = list(large_questions(LargeSite(questions=6_400, months=3, seed=4)))

    assert other[0].title != questions[0].title


def test_use_of_tags_follows_zipfs_law(questions: list[Question]) -> None:
    uses = Counter(tag for q in questions for tag in q.tags)
    largest = np.array([count for _, count in uses.most_common(300)])
    slope = np.polyfit(np.log(np.arange(20, 300)), np.log(largest[20:300]), 1)[0]

    assert -1.2 < slope < -0.6
    assert len(uses) > 2_500


def test_questions_have_one_to_five_distinct_tags(questions: list[Question]) -> None:
    assert all(1 <= len(set(q.tags)) == len(q.tags) <= 5 for q in questions)
    assert 2.3 < np.mean([len(q.tags) for q in questions]) < 2.9


def test_a_question_has_about_145_terms(counts: TermCounts) -> None:
    assert 130 < len(counts.columns) / len(counts) < 160


def test_vocabulary_grows_as_heaps_law_says(counts: TermCounts) -> None:
    sizes = np.array([800, 1600, 3200, 6400])
    terms = [len(np.unique(counts.columns[: counts.starts[size]])) for size in sizes]

    assert 0.58 < np.polyfit(np.log(sizes), np.log(terms), 1)[0] < 0.66


def test_most_tags_can_be_learned_from_words_of_their_own(questions: list[Question]) -> None:
    tag, uses = Counter(tag for q in questions for tag in q.tags).most_common(40)[-1]
    words = Counter(
        word for q in questions if tag in q.tags for word in set(q.body_html.lower().split())
    )
    elsewhere = Counter(word for q in questions for word in set(q.body_html.lower().split()))

    assert any(count > 0.3 * uses and elsewhere[word] < 6 * count for word, count in words.items())


def test_tags_are_named_about_once_in_each_of_their_questions(questions: list[Question]) -> None:
    words = [Counter(f"{q.title} {q.body_html}".lower().split()) for q in questions]
    named = [count[tag] for q, count in zip(questions, words, strict=True) for tag in q.tags]

    assert 0.5 < np.mean(named) < 1.5


@pytest.mark.parametrize("name", ["site.jsonl", "site.jsonl.gz", "Posts.xml"])
def test_files_hold_the_same_questions(tmp_path, questions: list[Question], name: str) -> None:
    path = tmp_path / name
    written = write_questions(SITE, path, processes=2)
    read = list(read_dump(path, "sandbox") if path.suffix == ".xml" else read_jsonl(path))

    assert written == len(read) == len(questions)
    for one, other in zip(read[::500], questions[::500], strict=True):
        assert (one.question_id, one.asked_at, one.title, one.body_html, set(one.tags)) == (
            other.question_id, other.asked_at, other.title, other.body_html, set(other.tags)
        )  # fmt: skip


def test_another_ending_is_refused(tmp_path) -> None:
    with pytest.raises(FixInputError, match=r"must end in \.jsonl"):
        write_questions(SITE, tmp_path / "site.csv")


@pytest.mark.parametrize("wrong", [{"questions": 2}, {"tag_count": 10}, {"seed": -1}])
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(FixInputError, match="a large site needs"):
        LargeSite(**({"questions": 100} | wrong))
