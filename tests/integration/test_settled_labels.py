"""The second reading of a month's tags on real PostgreSQL, from recorded pages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from include.errors import FixInputError, MissingDataError, RetryLaterError
from include.jobs.ingestion.completeness import stored_completely
from include.jobs.ingestion.ingest import ingest_month
from include.jobs.ingestion.settled_labels import SettledLabels
from include.monitoring.database_sources import read_volumes
from include.monitoring.metrics import Samples
from include.questions import Question
from include.store.label_readings import label_age_days, read_label_agreements
from include.store.tag_names import store_synonyms
from include.tag_names import TagSynonym
from tests.integration.test_ingest import (
    END,
    MONTH,
    START,
    Recorded,
    ingest,
    month_of_questions,
    rows,
)

pytestmark = pytest.mark.integration

SETTLED = datetime(2024, 3, 16, tzinfo=UTC)


def read_at(
    questions: list[Question],
    moment: Callable[[Question], datetime],
    tags: Callable[[Question], tuple[str, ...]] = lambda question: question.tags,
) -> list[Question]:
    return [replace(q, fetched_at=moment(q), tags=tags(q)) for q in questions]


def first_reading(engine: Engine, questions: list[Question]) -> None:
    """Store a month whose questions were read a day after they were asked."""
    source = Recorded(read_at(questions, lambda q: q.asked_at + timedelta(days=1)))
    ingest_month(ingest(engine, source), MONTH)


def second_reading(engine: Engine, questions: list[Question], **options: int) -> SettledLabels:
    source = Recorded(read_at(questions, lambda q: SETTLED, edited), **options)
    return SettledLabels(engine, source, "sandbox")


def edited(question: Question) -> tuple[str, ...]:
    """Return other tags for every fourth question."""
    if question.question_id % 4:
        return question.tags
    return (*question.tags[:1], "edited")


@pytest.fixture
def questions(engine):
    made = month_of_questions(40)
    first_reading(engine, made)
    return made


def test_changed_tags_become_the_settled_ones_and_the_first_are_kept(engine, questions):
    changed = [q for q in questions if set(edited(q)) != set(q.tags)]
    found = second_reading(engine, questions).read(MONTH, SETTLED)
    assert (found["questions"], found["compared"], found["changed"]) == (40, 40, len(changed))
    assert 0 < len(changed) < 40
    stored = {row["question_id"]: row for row in rows(engine, "question_tags")}
    for question in changed:
        row = stored[question.question_id]
        assert (row["first_tags"], row["settled_tags"]) == (
            list(question.tags), list(edited(question)),
        )  # fmt: skip
    scores = [
        2 * len({*q.tags} & {*edited(q)}) / (len({*q.tags}) + len({*edited(q)})) for q in questions
    ]
    assert found["mean_f1"] == pytest.approx(sum(scores) / 40)


def test_second_run_asks_for_nothing_and_leaves_the_same_rows(engine, questions):
    job = second_reading(engine, questions)
    job.read(MONTH, SETTLED)
    before = [rows(engine, table) for table in ("label_readings", "question_tags")]
    asked = len(job.source.asked)
    job.read(MONTH, SETTLED)
    assert len(job.source.asked) == asked
    assert [rows(engine, table) for table in ("label_readings", "question_tags")] == before


def test_interrupted_reading_goes_on_where_it_stopped_and_counts_nothing_twice(engine, questions):
    whole = second_reading(engine, questions)
    with pytest.raises(RetryLaterError):
        second_reading(engine, questions, pages_before_stop=5).read(MONTH, SETTLED)
    with engine.connect() as connection:
        assert read_label_agreements(connection, "sandbox") == []  # not finished
    found = whole.read(MONTH, SETTLED)
    assert (found["questions"], found["compared"]) == (40, 40)


def test_month_stays_complete_while_its_tags_are_read_again(engine, questions):
    with pytest.raises(RetryLaterError):
        second_reading(engine, questions, pages_before_stop=1).read(MONTH, SETTLED)
    with engine.connect() as connection:
        assert stored_completely(connection, "sandbox", MONTH) is True


def test_questions_first_read_late_say_nothing_of_the_agreement(engine):
    made = month_of_questions(40)
    late = Recorded(read_at(made, lambda q: q.asked_at + timedelta(days=8)))
    ingest_month(ingest(engine, late), MONTH)
    found = second_reading(engine, made).read(MONTH, SETTLED)
    assert (found["questions"], found["compared"], found["mean_f1"]) == (40, 0, None)


def test_rename_of_a_tag_is_no_change(engine, questions):
    with engine.begin() as connection:
        renamed = [TagSynonym(tag, "edited") for q in questions for tag in q.tags[1:]]
        store_synonyms(connection, "sandbox", renamed, "file", complete=True)
    assert second_reading(engine, questions).read(MONTH, SETTLED)["changed"] == 0


def test_tags_that_have_not_settled_yet_are_not_read(engine, questions):
    with pytest.raises(FixInputError, match="settle until 2024-03-15"):
        second_reading(engine, questions).read(MONTH, datetime(2024, 3, 14, tzinfo=UTC))


def test_month_that_is_stored_in_part_is_not_read(engine, questions):
    with engine.begin() as connection:
        connection.execute(text("UPDATE ingest_windows SET state = 'open'"))
    with pytest.raises(MissingDataError, match=f"tagkeeper ingest --month {MONTH}"):
        second_reading(engine, questions).read(MONTH, SETTLED)


def test_age_of_labels_is_that_of_their_last_reading(engine, questions):
    with engine.connect() as connection:
        assert label_age_days(connection, "sandbox", START, END) == pytest.approx(1, abs=0.1)
        assert label_age_days(connection, "sandbox", END, SETTLED) is None
    second_reading(engine, questions).read(MONTH, SETTLED)
    with engine.connect() as connection:
        assert label_age_days(connection, "sandbox", START, END) > 15


def test_agreement_of_each_month_is_published(engine, questions):
    found = second_reading(engine, questions).read(MONTH, SETTLED)
    samples = Samples()
    with engine.connect() as connection:
        read_volumes(connection, samples, "sandbox")
    assert samples.values("label_agreement_ratio") == {(MONTH,): pytest.approx(found["mean_f1"])}
    changed = samples.values("labels_changed_ratio")[MONTH,]
    assert changed == pytest.approx(found["changed"] / 40)
