"""Ingestion of the open month on real PostgreSQL, from recorded pages."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from include.errors import CheckFailedError, FixInputError, MissingDataError
from include.jobs.data.datasets import resolve_months
from include.jobs.ingestion.completeness import stored_completely, stored_until
from include.jobs.ingestion.import_file import import_file
from include.jobs.ingestion.ingest import ingest_month
from include.jobs.ingestion.open_month import OpenMonthIngestion, missing_days, open_range
from include.questions import Question
from tests.integration.test_ingest import (
    MONTH,
    START,
    Recorded,
    ingest,
    month_of_questions,
    rows,
    run_sql,
)

pytestmark = pytest.mark.integration

UNTIL = datetime(2024, 2, 11, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2024, 2, 11, tzinfo=UTC)


def open_month(engine: Engine, source: Recorded, max_requests: int = 1_000) -> OpenMonthIngestion:
    return OpenMonthIngestion(ingest(engine, source), max_requests)


def test_days_before_the_last_midnight_are_stored(engine):
    questions = month_of_questions(58)  # two a day
    job = open_month(engine, Recorded(questions))
    pulled = job.pull(UNTIL)
    assert pulled == {"month": MONTH, "questions": 20, "requests": 10, "days_left": []}
    assert job.check(UNTIL) == {
        "month": MONTH, "stored_until": MIDNIGHT.isoformat(), "questions": 20,
    }  # fmt: skip
    ids = [row["question_id"] for row in rows(engine, "question_tags")]
    assert sorted(ids) == [q.question_id for q in questions if q.asked_at < MIDNIGHT]


def test_second_run_of_a_day_asks_for_nothing_and_leaves_the_same_rows(engine):
    source = Recorded(month_of_questions(58))
    job = open_month(engine, source)
    tables = ("questions", "question_tags", "ingest_windows")
    job.pull(UNTIL)
    before, asked = [rows(engine, table) for table in tables], len(source.asked)
    assert job.pull(UNTIL)["requests"] == 0
    assert [rows(engine, table) for table in tables] == before
    assert len(source.asked) == asked


def test_next_day_fetches_only_that_day(engine):
    source = Recorded(month_of_questions(58))
    job = open_month(engine, source)
    job.pull(UNTIL)
    source.asked.clear()
    job.pull(UNTIL + timedelta(days=1))
    assert source.asked == [(MIDNIGHT, MIDNIGHT + timedelta(days=1))]


def test_spent_requests_leave_the_rest_to_the_next_day_which_loses_nothing(engine):
    questions = month_of_questions(29 * 10)  # ten a day, three pages of four
    pulled = open_month(engine, Recorded(questions), max_requests=4).pull(UNTIL)
    assert pulled["requests"] == 4
    assert pulled["days_left"] == [f"2024-02-{day:02}" for day in range(2, 11)]
    assert open_month(engine, Recorded(questions), max_requests=4).pull(UNTIL)["requests"] == 0
    run_sql(engine, "UPDATE ingest_windows SET updated_at = now() - interval '1 day'")
    pulled = open_month(engine, Recorded(questions), max_requests=100).pull(UNTIL)
    assert pulled["days_left"] == []
    assert pulled["requests"] == 2 + 8 * 3  # the second day is resumed at its cursor
    assert len(rows(engine, "questions")) == 100
    assert open_month(engine, Recorded(questions)).check(UNTIL)["questions"] == 100


def test_quota_at_its_reserve_ends_the_run_and_keeps_what_was_stored(engine):
    source = Recorded(month_of_questions(58), pages_before_stop=3)
    pulled = open_month(engine, source).pull(UNTIL)
    assert pulled["days_left"] == [f"2024-02-{day:02}" for day in range(4, 11)]
    assert open_month(engine, source).check(UNTIL)["stored_until"] == "2024-02-04T00:00:00+00:00"


def test_open_month_is_not_complete_and_no_month_to_train_on(engine):
    source = Recorded(month_of_questions(58))
    ingest_month(ingest(engine, source), "2024-01")
    open_month(engine, source).pull(datetime(2024, 2, 29, 23, 59, tzinfo=UTC))
    with engine.connect() as connection:
        assert stored_completely(connection, "sandbox", MONTH) is False
        assert stored_until(connection, "sandbox", MONTH) == datetime(2024, 2, 29, tzinfo=UTC)
        with pytest.raises(MissingDataError, match="only in part"):
            resolve_months(connection, "sandbox", test_month=MONTH, window_months=None)


def test_month_that_is_over_is_read_again_as_a_whole(engine):
    source = Recorded(month_of_questions(58))
    open_month(engine, source).pull(UNTIL)
    result = ingest_month(ingest(engine, source), MONTH)
    assert (result["questions"], len(rows(engine, "ingest_windows"))) == (58, 4)
    with engine.connect() as connection:
        assert stored_completely(connection, "sandbox", MONTH) is True


def test_days_of_an_imported_dump_that_ends_in_mid_month_are_not_fetched(engine, tmp_path):
    file = tmp_path / "questions.jsonl"
    written = [q for q in month_of_questions(58) if q.asked_at < datetime(2024, 2, 6, tzinfo=UTC)]
    file.write_text("".join(line_of(question) for question in written))
    # The day of the export may have questions that came after it
    import_file(engine, file, site="sandbox", as_of=datetime(2024, 2, 6, tzinfo=UTC))
    source = Recorded(month_of_questions(58))
    open_month(engine, source).pull(UNTIL)
    assert [start.day for start, _ in source.asked] == [6, 7, 8, 9, 10]
    with engine.connect() as connection:
        assert stored_completely(connection, "sandbox", MONTH) is False
        assert stored_until(connection, "sandbox", MONTH) == MIDNIGHT


def test_lost_question_fails_the_check_with_its_day(engine):
    job = open_month(engine, Recorded(month_of_questions(58)))
    job.pull(UNTIL)
    run_sql(engine, "DELETE FROM questions WHERE question_id = 5")
    with pytest.raises(CheckFailedError, match="2024-02-03 to 2024-02-03 fetched 2"):
        job.check(UNTIL)


def test_first_day_of_a_month_has_nothing_to_fetch(engine):
    source = Recorded(month_of_questions(58))
    job = open_month(engine, source)
    pulled = job.pull(START + timedelta(hours=1))
    assert (pulled["requests"], job.check(START + timedelta(hours=1))["questions"]) == (0, 0)


def test_future_is_refused(engine):
    with pytest.raises(FixInputError, match="future"):
        open_range(datetime(2024, 2, 2, tzinfo=UTC), START)


def test_days_of_a_longer_window_are_left_to_the_month(engine):
    job = ingest(engine, Recorded([], pages_before_stop=0))
    window = job._open(job.plan_windows(MONTH)[0])
    days = missing_days(START, MIDNIGHT, [window], [])
    assert [first.day for first, _ in days] == [9, 10]


def line_of(question: Question) -> str:
    """Return a question as a line of an export."""
    return (
        json.dumps(
            {
                "id": question.question_id,
                "creation_date": question.asked_at.isoformat(),
                "title": question.title,
                "body": question.body_html,
                "tags": list(question.tags),
                "score": 0,
                "answer_count": 0,
                "view_count": 0,
                "site": question.site,
            }
        )
        + "\n"
    )
