"""How old tags were when they were last read, on real PostgreSQL, whether that changed them or not."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from include.errors import RetryLaterError
from include.jobs.ingestion.import_file import import_file
from include.jobs.ingestion.ingest import ingest_month
from include.jobs.ingestion.open_month import OpenMonthIngestion
from include.jobs.ingestion.settled_labels import SettledLabels
from include.monitoring.database_sources import read_volumes
from include.monitoring.metrics import Samples
from include.questions import Question
from include.store.label_readings import LabelAge, read_label_age, read_label_agreements
from tests.integration.test_ingest import (
    END,
    MONTH,
    START,
    Recorded,
    ingest,
    month_of_questions,
)

pytestmark = pytest.mark.integration

MONTH_END = END + timedelta(hours=2)
QUESTIONS = month_of_questions(58)  # two a day


def read_at(moment: Callable[[Question], datetime]) -> Recorded:
    return Recorded([replace(q, fetched_at=moment(q)) for q in QUESTIONS])


def read_by_the_day(engine: Engine) -> None:
    """Read each day but the last half an hour after its end, as `ingest_recent` does."""

    def next_night(question: Question) -> datetime:
        day = question.asked_at.replace(hour=0, minute=30, second=0)
        return day + timedelta(days=1)

    months = ingest(engine, read_at(next_night))
    OpenMonthIngestion(months, 1_000).pull(END - timedelta(seconds=1))


def read_as_a_whole(engine: Engine, **options: int) -> None:
    """Read the month after its end, as `ingest_questions` does; no tag has changed."""
    source = read_at(lambda question: MONTH_END)
    ingest_month(ingest(engine, Recorded(source.questions, **options)), MONTH)


def age(engine: Engine) -> LabelAge:
    with engine.connect() as connection:
        found = read_label_age(connection, "sandbox", START, END - timedelta(days=1))
    assert found is not None
    return found


def settled_ratio(engine: Engine) -> float:
    samples = Samples()
    with engine.connect() as connection:
        read_volumes(connection, samples, "sandbox")
    return samples.values("labels_settled_ratio")[()]


def test_tags_that_a_second_reading_finds_unchanged_are_as_old_as_that_reading(engine):
    read_by_the_day(engine)
    young = age(engine)
    assert young.median_days < 1.1
    assert young.young_share == 1
    read_as_a_whole(engine)
    settled = age(engine)
    days = sorted(MONTH_END - q.asked_at for q in QUESTIONS if q.asked_at < END - timedelta(days=1))
    middle = (days[len(days) // 2 - 1] + days[len(days) // 2]) / 2
    assert settled.median_days == pytest.approx(middle / timedelta(days=1), abs=0.01)
    assert settled.young_share == sum(d <= timedelta(days=7) for d in days) / len(days)


def test_share_of_labels_read_twice_counts_those_that_were_found_unchanged(engine):
    read_by_the_day(engine)
    assert settled_ratio(engine) == 0
    read_as_a_whole(engine)
    assert settled_ratio(engine) == 56 / 58  # the last day was first read with the month


def test_first_reading_that_is_resumed_later_is_one_reading(engine):
    with pytest.raises(RetryLaterError):
        read_as_a_whole(engine, pages_before_stop=2)
    later = read_at(lambda question: MONTH_END + timedelta(days=3))
    ingest_month(ingest(engine, later), MONTH)
    assert settled_ratio(engine) == 0


def test_reading_that_is_not_finished_makes_no_tags_older(engine):
    read_as_a_whole(engine)
    before = age(engine)
    later = Recorded(read_at(lambda q: MONTH_END + timedelta(days=9)).questions, 1)
    with pytest.raises(RetryLaterError):
        ingest_month(ingest(engine, later), MONTH)
    assert age(engine) == before


def test_later_file_makes_tags_that_it_repeats_older(engine, tmp_path: Path):
    read_as_a_whole(engine)
    path = tmp_path / "questions.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for question in QUESTIONS:
            row = {
                "id": question.question_id,
                "creation_date": question.asked_at.isoformat(),
                "title": question.title,
                "body": question.body_html,
                "tags": question.tags,
                "site": "sandbox",
            }
            file.write(json.dumps(row) + "\n")
    before = age(engine)
    import_file(engine, path, site="sandbox", as_of=END + timedelta(days=100))
    assert age(engine).median_days == pytest.approx(before.median_days + 100 - 2 / 24, abs=0.01)


def test_age_of_a_second_reading_counts_from_the_clock_where_the_source_says_none(engine):
    read_by_the_day(engine)
    read_as_a_whole(engine)
    SettledLabels(engine, Recorded(QUESTIONS), "sandbox").read(MONTH)
    with engine.connect() as connection:
        [found] = read_label_agreements(connection, "sandbox")
    assert found.settled_age_days == pytest.approx(age(engine).median_days, abs=1)
