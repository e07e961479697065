"""Ingestion of a month on real PostgreSQL, from recorded pages."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from include.errors import CheckFailedError, FixInputError, RetryLaterError
from include.jobs.ingestion.ingest import ingest_month
from include.jobs.ingestion.month_ingest import MonthIngestion
from include.questions import Question
from include.sources.api_pages import Page
from include.store.questions import read_questions

pytestmark = pytest.mark.integration

MONTH = "2024-02"
START, END = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)


def month_of_questions(count: int = 40) -> list[Question]:
    """Return questions spread evenly over the month, the first at its first instant."""
    step = (END - START) / count
    return [
        Question(
            site="sandbox",
            question_id=i + 1,
            asked_at=(START + i * step).replace(microsecond=0),
            title=f"Question {i}",
            body_html="<p>Why?</p>",
            tags=("python", f"tag-{i % 3}"),
            link=f"https://sandbox/q/{i + 1}",
        )
        for i in range(count)
    ]


class Recorded:
    """A source that serves given questions in small pages, and can be told to stop."""

    def __init__(self, questions: Sequence[Question], pages_before_stop: int | None = None):
        self.questions = sorted(questions, key=lambda question: question.asked_at)
        self.pages_before_stop = pages_before_stop
        self.asked: list[tuple[datetime, datetime]] = []

    def pages(self, start: datetime, end: datetime, size: int = 4) -> Iterator[Page]:
        self.asked.append((start, end))
        inside = [q for q in self.questions if start <= q.asked_at < end]
        for first in range(0, max(len(inside), 1), size):
            if self.pages_before_stop is not None:
                if not self.pages_before_stop:
                    raise RetryLaterError("quota used up", retry_after_s=3_600)
                self.pages_before_stop -= 1
            chunk = tuple(inside[first : first + size])
            last = first + size >= len(inside)
            cursor = end if last else chunk[-1].asked_at
            yield Page(questions=chunk, cursor=cursor, quota_left=100, requests=1)


def ingest(engine: Engine, source: Recorded, window_days: int = 8) -> MonthIngestion:
    return MonthIngestion(engine, source, "sandbox", window_days)


def rows(engine: Engine, table: str, *without: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))
        return [{k: v for k, v in row.items() if k not in without} for row in found.mappings()]


def run_sql(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_month_is_stored_completely_and_reported(engine):
    source = Recorded(month_of_questions())
    result = ingest_month(ingest(engine, source), MONTH)
    assert result == {
        "month": MONTH, "questions": 40, "requests": 11, "gone": 0, "retagged": 0,
    }  # fmt: skip
    with engine.connect() as connection:
        stored = read_questions(connection, "sandbox", START, END)
    assert [replace(question, fetched_at=None) for question in stored] == source.questions


def test_month_run_twice_leaves_the_same_rows(engine):
    job = ingest(engine, Recorded(month_of_questions()))
    tables = {"questions": (), "question_tags": (), "ingest_windows": ("updated_at", "read_from")}
    first, again = (
        (
            ingest_month(job, MONTH),
            {name: rows(engine, name, *skip) for name, skip in tables.items()},
        )
        for _ in range(2)
    )
    assert first == again


def test_windows_cover_the_month_and_are_named_by_their_days(engine):
    windows = ingest(engine, Recorded([])).plan_windows(MONTH)
    assert [window.label for window in windows] == [
        "2024-02-01 to 2024-02-08",
        "2024-02-09 to 2024-02-16",
        "2024-02-17 to 2024-02-24",
        "2024-02-25 to 2024-02-29",
    ]
    assert windows[0].range[0] == START
    assert windows[-1].range[1] == END


@pytest.mark.parametrize("now", [datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), START])
def test_month_that_is_not_over_is_rejected_with_the_first_possible_day(engine, now):
    with pytest.raises(FixInputError, match="2024-03-01"):
        ingest(engine, Recorded([])).plan_windows(MONTH, now=now)


def test_interrupted_fetch_resumes_at_its_cursor(engine):
    questions = month_of_questions()
    job = ingest(engine, Recorded(questions, pages_before_stop=3), window_days=31)
    (window,) = job.plan_windows(MONTH)
    with pytest.raises(RetryLaterError):
        job.fetch_window(window)

    source = Recorded(questions)
    resumed = ingest(engine, source, window_days=31)
    assert resumed.fetch_window(window)["questions"] == 40
    assert source.asked == [(questions[11].asked_at, END)]
    assert resumed.check_month(MONTH)["questions"] == 40


def test_questions_of_the_cursor_s_second_are_counted_once_when_resumed(engine):
    noon = START + timedelta(hours=12)
    questions = [replace(q, asked_at=noon) for q in month_of_questions(10)]
    job = ingest(engine, Recorded(questions, pages_before_stop=2), window_days=31)
    (window,) = job.plan_windows(MONTH)
    with pytest.raises(RetryLaterError):
        job.fetch_window(window)
    assert ingest(engine, Recorded(questions), 31).fetch_window(window)["questions"] == 10


def test_page_that_cannot_be_stored_moves_no_cursor(engine):
    questions = month_of_questions()
    broken = [*questions[:6], replace(questions[6], score=2**40), *questions[7:]]
    job = ingest(engine, Recorded(broken), window_days=31)
    (window,) = job.plan_windows(MONTH)
    with pytest.raises(Exception, match="SQLSTATE 22"):
        job.fetch_window(window)
    (stored,) = rows(engine, "ingest_windows")
    assert (stored["state"], stored["cursor"]) == ("open", questions[3].asked_at)
    assert len(rows(engine, "questions")) == 4


def test_finished_window_is_fetched_again_for_settled_tags(engine):
    questions = month_of_questions()
    ingest_month(ingest(engine, Recorded(questions)), MONTH)
    questions[5] = replace(questions[5], tags=("python", "settled"))
    assert ingest_month(ingest(engine, Recorded(questions)), MONTH)["retagged"] == 1
    row = rows(engine, "question_tags")[5]
    assert row["first_tags"] == ["python", "tag-2"]
    assert row["settled_tags"] == ["python", "settled"]


def test_question_deleted_on_the_site_is_kept_and_reported_as_gone(engine):
    questions = month_of_questions()
    ingest_month(ingest(engine, Recorded(questions)), MONTH)
    result = ingest_month(ingest(engine, Recorded(questions[1:])), MONTH)
    assert (result["questions"], result["gone"]) == (40, 1)


def test_two_processes_do_not_both_count_one_window(engine):
    class Intruded(Recorded):
        """Lets another process fetch the same window between two pages."""

        def pages(self, start: datetime, end: datetime, size: int = 4) -> Iterator[Page]:
            for page in super().pages(start, end, size):
                yield page
                if len(self.asked) == 1:
                    other = ingest(engine, Recorded(self.questions, pages_before_stop=1), 31)
                    with pytest.raises(RetryLaterError, match="quota"):
                        other.fetch_window(window)
                    self.asked.append((start, end))

    job = ingest(engine, Intruded(month_of_questions()), window_days=31)
    (window,) = job.plan_windows(MONTH)
    with pytest.raises(RetryLaterError, match="another process"):
        job.fetch_window(window)


def test_new_window_length_drops_the_old_windows(engine):
    questions = month_of_questions()
    ingest_month(ingest(engine, Recorded(questions), window_days=8), MONTH)
    ingest_month(ingest(engine, Recorded(questions), window_days=10), MONTH)
    assert len(rows(engine, "ingest_windows")) == 3


def test_windows_of_the_neighbouring_months_stay(engine):
    for month in ("2024-01", "2024-03"):
        ingest_month(ingest(engine, Recorded([]), window_days=31), month)
    ingest_month(ingest(engine, Recorded([]), window_days=31), MONTH)
    assert len(rows(engine, "ingest_windows")) == 3


def test_month_without_questions_passes(engine):
    assert ingest_month(ingest(engine, Recorded([])), MONTH)["questions"] == 0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            "DELETE FROM questions WHERE question_id = 3",
            "window 2024-02-01 to 2024-02-08 fetched 12 questions but 11 are stored",
        ),
        ("UPDATE questions SET title = E' \\t' WHERE question_id < 3", "2 questions have an empty"),
        (
            "UPDATE question_tags SET first_tags = '{}' WHERE question_id < 4",
            "3 questions have no tag",
        ),
        (
            "INSERT INTO questions SELECT site, question_id, asked_at + interval '1 s', title, "
            "body_html FROM questions WHERE question_id = 7",
            "1 questions are stored at two times",
        ),
        (
            "UPDATE ingest_windows SET state = 'open', cursor = '2024-02-10T12:00:00Z' "
            "WHERE window_start = '2024-02-09T00:00:00Z'",
            "window 2024-02-09 to 2024-02-16 was fetched only up to 2024-02-10 12:00:00",
        ),
        (
            "DELETE FROM ingest_windows WHERE window_start = '2024-02-25T00:00:00Z'",
            "no window covers 2024-02-25 00:00 to 2024-03-01 00:00",
        ),
        (
            "DELETE FROM ingest_windows WHERE window_start = '2024-02-01T00:00:00Z'",
            "no window covers 2024-02-01 00:00 to 2024-02-09 00:00",
        ),
    ],
)
def test_damaged_month_fails_with_its_name_and_the_number(engine, damage, message):
    job = ingest(engine, Recorded(month_of_questions()))
    ingest_month(job, MONTH)
    run_sql(engine, damage)
    with pytest.raises(CheckFailedError, match=f"month {MONTH} of sandbox: .*{message}"):
        job.check_month(MONTH)


def test_busy_month_without_a_last_day_fails(engine):
    busy = [q for q in month_of_questions(40 * 29) if q.asked_at < END - timedelta(days=1)]
    with pytest.raises(CheckFailedError, match="0 questions on the last day"):
        ingest_month(ingest(engine, Recorded(busy)), MONTH)


def test_quiet_month_may_begin_and_end_with_empty_days(engine):
    quiet = [q for q in month_of_questions() if q.asked_at.day in range(5, 20)]
    assert ingest_month(ingest(engine, Recorded(quiet)), MONTH)["questions"] == len(quiet)
