"""Months are hashed and counted once, and read in parts, on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, text

from include.candidates.catalogue import make_candidate
from include.candidates.encoders import encoder_factory
from include.candidates.term_counts import TermCounts, count_terms, count_texts
from include.errors import RetryLaterError
from include.jobs.data.content_hash import content_hash
from include.jobs.data.features import load_labelled, prepare_months
from include.jobs.data.month_shards import build_month, stale_months
from include.jobs.data.stored_texts import StoredTexts
from include.months import add_months
from include.questions import Question
from include.sandbox.simulator import simulate
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from include.text.prepared import LabelledTexts

pytestmark = pytest.mark.integration

SITE = "sandbox"
FIRST, LAST = "2023-01", "2023-02"
QUESTIONS = simulate(months=2, questions_per_month=60, events=()).questions


def store(engine: Engine, *questions: Question) -> None:
    with engine.begin() as connection:
        upsert_questions(connection, questions)


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def load(engine: Engine) -> LabelledTexts:
    return load_labelled(engine, SITE, FIRST, LAST)


def built_at(engine: Engine) -> list[datetime]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT built_at FROM stored_months")).scalars())


def in_memory(questions: LabelledTexts) -> LabelledTexts:
    return LabelledTexts(tuple(questions.texts), questions.tags, questions.asked_at)


def dense(counts: TermCounts) -> dict[str, list[float]]:
    matrix = counts.matrix(3.0).toarray().T
    return dict(zip(counts.terms, matrix.tolist(), strict=True))


@pytest.fixture
def stored(engine: Engine) -> Engine:
    store(engine, *QUESTIONS)
    return engine


def test_loaded_questions_have_the_tags_and_times_of_the_stored_ones(stored: Engine) -> None:
    questions = load(stored)

    assert [item.key for item in questions.texts] == [(SITE, q.question_id) for q in QUESTIONS]
    assert questions.tags == tuple(q.tags for q in QUESTIONS)
    assert questions.asked_at == tuple(q.asked_at for q in QUESTIONS)


def test_a_month_is_built_once(stored: Engine) -> None:
    load(stored)
    before = built_at(stored)
    load(stored)

    assert len(before) == 2
    assert built_at(stored) == before


def test_stored_counts_are_those_of_the_texts(stored: Engine) -> None:
    questions = load(stored)

    assert dense(count_terms(questions.texts)) == dense(count_texts(questions.texts))


def test_counts_of_a_selection_are_in_its_order(stored: Engine) -> None:
    questions = load(stored).take([100, 3, 70])

    selected = count_terms(questions.texts)

    assert isinstance(questions.texts, StoredTexts)
    assert dense(selected) == dense(count_texts(questions.texts))


def test_a_month_in_several_parts_reads_as_one(stored: Engine) -> None:
    prepare_months(stored, SITE, [FIRST, LAST])
    for month in (FIRST, LAST):
        build_month(stored, SITE, month, questions_per_part=7)

    questions = load(stored)

    assert [item.key for item in questions.texts] == [(SITE, q.question_id) for q in QUESTIONS]
    assert dense(count_terms(questions.texts)) == dense(count_texts(questions.texts))


def test_hash_of_stored_months_equals_that_of_the_same_texts(stored: Engine) -> None:
    questions = load(stored)

    assert content_hash(SITE, questions, 5) == content_hash(SITE, in_memory(questions), 5)


def test_hash_of_a_part_of_a_month_is_its_own(stored: Engine) -> None:
    questions = load(stored)
    part = questions.take(range(10))

    assert content_hash(SITE, part, 5) == content_hash(SITE, in_memory(part), 5)
    assert content_hash(SITE, part, 5) != content_hash(SITE, questions, 5)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE questions SET title = 'Edited' WHERE question_id = {id}",
        "UPDATE question_tags SET first_tags = '{{other}}' WHERE question_id = {id}",
        "DELETE FROM questions WHERE question_id = {id}",
    ],
)
def test_a_change_by_any_statement_changes_the_hash(stored: Engine, edit: str) -> None:
    before = content_hash(SITE, load(stored), 5)

    change(stored, edit.format(id=QUESTIONS[0].question_id))

    assert stale_months(stored, SITE, [FIRST, LAST]) == [FIRST]
    assert content_hash(SITE, load(stored), 5) != before


def test_new_scores_change_neither_hash_nor_shards(stored: Engine) -> None:
    before = content_hash(SITE, load(stored), 5)
    later = datetime.now(UTC) + timedelta(days=1)
    store(stored, replace(QUESTIONS[0], score=99, fetched_at=later))

    assert content_hash(SITE, load(stored), 5) == before
    with stored.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM month_shards")).scalar_one()
    assert count == 2


def test_untagged_questions_are_left_out(stored: Engine) -> None:
    change(
        stored,
        f"UPDATE question_tags SET first_tags = '{{}}' WHERE question_id = {QUESTIONS[5].question_id}",
    )

    assert len(load(stored)) == len(QUESTIONS) - 1


def test_readers_finish_on_the_content_that_they_loaded(stored: Engine) -> None:
    questions = load(stored)
    change(
        stored,
        f"UPDATE questions SET title = 'Edited' WHERE question_id = {QUESTIONS[0].question_id}",
    )
    load(stored)

    assert len(count_terms(questions.texts)) == len(QUESTIONS)


def test_a_text_that_was_deleted_meanwhile_says_to_run_again(stored: Engine) -> None:
    questions = load(stored)
    change(stored, f"DELETE FROM prepared_texts WHERE question_id = {QUESTIONS[0].question_id}")

    with pytest.raises(RetryLaterError, match="run again"):
        list(questions.texts)


def test_two_processes_build_a_month_once(stored: Engine, database_url: str) -> None:
    prepare_months(stored, SITE, [FIRST])
    engines = [make_engine(database_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(lambda engine: build_month(engine, SITE, FIRST, questions_per_part=9), engines)
        )
    for engine in engines:
        engine.dispose()

    with stored.connect() as connection:
        parts = connection.execute(text("SELECT part FROM month_shards ORDER BY part")).scalars()
        assert list(parts) == list(range(-(-len(in_first_month()) // 9)))


def in_first_month() -> list[Question]:
    end = datetime.fromisoformat(f"{add_months(FIRST, 1)}-01T00:00:00+00:00")
    return [question for question in QUESTIONS if question.asked_at < end]


def test_tfidf_learns_the_same_from_stored_months_as_from_texts(stored: Engine) -> None:
    questions = load(stored)
    vocabulary = sorted({tag for tags in questions.tags for tag in tags})[:20]
    encoders = encoder_factory(None)

    scores = [
        make_candidate("tfidf", None, encoders)
        .fit(texts, questions.tags, vocabulary)
        .score(tuple(questions.texts)[:10])
        for texts in (questions.texts, tuple(questions.texts))
    ]

    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)
