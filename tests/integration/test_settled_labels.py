"""The second reading of a month's tags on real PostgreSQL, from recorded pages and over HTTP."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from include.errors import CheckFailedError, FixInputError, MissingDataError, RetryLaterError
from include.jobs.ingestion.completeness import stored_completely
from include.jobs.ingestion.ingest import ingest_month
from include.jobs.ingestion.settled_labels import SettledLabels
from include.monitoring.database_sources import read_volumes
from include.monitoring.metrics import Samples
from include.months import month_range
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.sources.stackexchange_api import StackExchangeClient
from include.store.label_readings import read_label_age, read_label_agreements
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


def first_reading(engine: Engine, questions: list[Question], month: str = MONTH) -> None:
    """Store a month whose questions were read a day after they were asked."""
    source = Recorded(read_at(questions, lambda q: q.asked_at + timedelta(days=1)))
    ingest_month(ingest(engine, source), month)


def second_reading(engine: Engine, questions: list[Question], **options: int) -> SettledLabels:
    source = Recorded(read_at(questions, lambda q: SETTLED, edited), **options)
    return SettledLabels(engine, source, "sandbox")


def exchanged(questions: list[Question]) -> list[Question]:
    """Give each question the tags of another."""
    other = [q.tags for q in questions[7:] + questions[:7]]
    return [replace(q, tags=tags) for q, tags in zip(questions, other, strict=True)]


def with_one_tag(questions: list[Question]) -> list[Question]:
    return [replace(q, tags=(*q.tags, "poison")) for q in questions]


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
        first = read_label_age(connection, "sandbox", START, END)
        assert first.median_days == pytest.approx(1, abs=0.1)
        assert read_label_age(connection, "sandbox", END, SETTLED) is None
    second_reading(engine, questions).read(MONTH, SETTLED)
    with engine.connect() as connection:
        second = read_label_age(connection, "sandbox", START, END)
    assert second.median_days == pytest.approx(30, abs=1)
    assert second.young_share == 0


def test_agreement_of_each_month_is_published(engine, questions):
    found = second_reading(engine, questions).read(MONTH, SETTLED)
    samples = Samples()
    with engine.connect() as connection:
        read_volumes(connection, samples, "sandbox")
    assert samples.values("label_agreement_ratio") == {(MONTH,): pytest.approx(found["mean_f1"])}
    changed = samples.values("labels_changed_ratio")[MONTH,]
    assert changed == pytest.approx(found["changed"] / 40)


def test_agreement_of_a_month_that_is_read_in_part_is_not_published(engine, questions):
    with pytest.raises(RetryLaterError):
        # The first part, of eight days, is finished
        second_reading(engine, questions, pages_before_stop=4).read(MONTH, SETTLED)
    with engine.connect() as connection:
        assert rows(engine, "label_readings")[0]["finished_at"] is not None
        assert read_label_agreements(connection, "sandbox") == []


def test_reading_that_was_begun_goes_on_with_other_days_per_window(engine, questions):
    with pytest.raises(RetryLaterError):
        second_reading(engine, questions, pages_before_stop=4).read(MONTH, SETTLED)
    other = replace(second_reading(engine, questions), window_days=5)
    assert other.read(MONTH, SETTLED)["questions"] == 40


@pytest.mark.parametrize("fault", [exchanged, with_one_tag])
def test_wrong_tags_of_a_second_reading_are_refused(engine, questions, fault):
    source = Recorded(read_at(fault(questions), lambda q: SETTLED))
    with pytest.raises(CheckFailedError, match="have other tags than at first"):
        SettledLabels(engine, source, "sandbox").read(MONTH, SETTLED)
    assert rows(engine, "label_readings") == []


def test_month_is_read_as_a_whole_once_the_source_is_right_again(engine, questions):
    wrong = Recorded(read_at(exchanged(questions), lambda q: SETTLED))
    with pytest.raises(CheckFailedError):
        SettledLabels(engine, wrong, "sandbox").read(MONTH, SETTLED)
    right = Recorded(read_at(questions, lambda q: SETTLED + timedelta(hours=1)))
    found = SettledLabels(engine, right, "sandbox").read(MONTH, SETTLED)
    assert (found["compared"], found["changed"]) == (40, 0)
    for row in rows(engine, "question_tags"):
        assert row["settled_tags"] in (None, row["first_tags"])


def test_right_tags_that_look_wrong_are_stored_on_request(engine, questions):
    source = Recorded(read_at(with_one_tag(questions), lambda q: SETTLED))
    job = SettledLabels(engine, source, "sandbox", check_labels=False)
    assert job.read(MONTH, SETTLED)["changed"] == 40


def test_tags_edited_at_the_site_settle_over_http(engine):
    made = simulate(months=2, questions_per_month=40, events=()).questions
    month = [q for q in made if f"{q.asked_at:%Y-%m}" == "2023-02"]
    index = QuestionIndex(made)
    first_reading(engine, month, "2023-02")
    edits = [row for row in range(len(made)) if row % 3 == 0]
    for row in edits:
        index.edit_tags(row, "edited")
    start, end = month_range("2023-02")
    with running(SandboxApi("sandbox", index)) as api_url:
        client = StackExchangeClient(api_url=api_url, site="sandbox", requests_per_s=30)
        found = SettledLabels(engine, client, "sandbox").read("2023-02")
    changed = [made[row] for row in edits if start <= made[row].asked_at < end]
    assert (found["compared"], found["changed"]) == (len(month), len(changed))
    stored = {row["question_id"]: row for row in rows(engine, "question_tags")}
    for question in changed:
        row = stored[question.question_id]
        assert (row["first_tags"], row["settled_tags"][-1]) == (list(question.tags), "edited")
