"""The spool drains into real PostgreSQL: in time, in order, each row exactly once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from include.store.engine import make_engine
from include.store.predictions import (
    Feedback,
    Prediction,
    copy_new_predictions,
    copy_predictions,
    daily_indicators,
    prediction_line,
    uuid7_time,
)
from serving.prediction_ids import new_id
from serving.recorder import SpoolRecorder
from serving.spool import Spool, segment_paths

pytestmark = pytest.mark.integration


def prediction(**changes) -> Prediction:
    prediction_id = new_id()
    row = Prediction(
        prediction_id=prediction_id,
        asked_at=uuid7_time(prediction_id),
        site="sandbox",
        title="t",
        body="b",
        tags=(("python", 0.75), ("sql", 0.5)),
        model_version="3",
        candidate="tfidf",
        variant="champion",
        latency_ms=1.25,
    )
    return replace(row, **changes)


@pytest.fixture
def recorder(tmp_path, database_url):
    made = SpoolRecorder(Spool(tmp_path), lambda: make_engine(database_url, pool_size=1))
    yield made
    made.close()


def stored(engine, columns="*"):
    with engine.connect() as connection:
        return (
            connection.execute(
                text(f"SELECT {columns} FROM predictions ORDER BY asked_at, prediction_id")
            )
            .mappings()
            .all()
        )


def test_row_is_stored_as_recorded(recorder, engine):
    shown = prediction(
        title='tab\there, \\N, "quotes"',
        body="<p>line\nline\r\n\\ backslash \\. ünïcödé 🐍</p>",
        question_id=2**40,
        client="me",
    )
    shadow = prediction(variant="challenger", shadow=True, answer_id=shown.prediction_id)
    recorder.record([shown, shadow])
    assert recorder.drain()

    rows = {row["prediction_id"]: row for row in stored(engine)}
    row = rows[shown.prediction_id]
    assert row["asked_at"] == shown.asked_at
    assert (row["title"], row["body"]) == (shown.title, shown.body)
    assert row["tags"] == [{"tag": "python", "score": 0.75}, {"tag": "sql", "score": 0.5}]
    assert (row["question_id"], row["client"], row["shadow"]) == (2**40, "me", False)
    assert row["latency_ms"] == 1.25
    assert rows[shadow.prediction_id]["answer_id"] == shown.prediction_id


def test_unstorable_character_does_not_block_other_rows(recorder, engine):
    recorder.record([prediction(title="a\0b"), prediction(title="\ud800")])
    assert recorder.drain()

    assert {row["title"] for row in stored(engine)} == {"a b", "?"}


def test_recorded_row_is_in_the_table_within_a_second(recorder, engine):
    recorder.start()
    recorder.record([prediction()])
    deadline = time.monotonic() + 1.0
    while not stored(engine) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert len(stored(engine)) == 1


def test_batch_sent_twice_is_stored_once(engine):
    lines = [prediction_line(prediction()) for _ in range(5)]
    with engine.begin() as connection:
        assert copy_predictions(connection, lines[:3]) == 3
    with engine.begin() as connection:
        assert copy_predictions(connection, lines) == 2

    assert len(stored(engine)) == 5


def test_copy_of_new_rows_is_all_or_nothing(engine):
    lines = [prediction_line(prediction()) for _ in range(3)]
    with engine.begin() as connection:
        copy_predictions(connection, lines[:1])

    with pytest.raises(IntegrityError), engine.begin() as connection:
        copy_new_predictions(connection, lines)

    assert len(stored(engine)) == 1


def test_rows_of_several_months_get_their_partitions(engine):
    days = [datetime(2024, month, 28, 23, 59, tzinfo=UTC) for month in (1, 2, 3)]
    with engine.begin() as connection:
        copy_predictions(connection, [prediction_line(prediction(asked_at=day)) for day in days])

    assert [row["asked_at"] for row in stored(engine)] == days


def test_rows_wait_during_an_outage_of_postgres_and_are_stored_after_it(
    tmp_path, database_url, engine
):
    addresses = ["postgresql://nobody@127.0.0.1:1/nowhere", database_url]
    recorder = SpoolRecorder(Spool(tmp_path), lambda: make_engine(addresses[0], pool_size=1))
    rows = [prediction() for _ in range(10)]
    recorder.record(rows[:5])
    assert not recorder.drain()
    recorder.record(rows[5:])
    assert not recorder.drain()
    recorder.close()

    later = SpoolRecorder(Spool(tmp_path), lambda: make_engine(addresses[1], pool_size=1))
    assert later.drain()
    later.close()

    assert {row["prediction_id"] for row in stored(engine)} == {row.prediction_id for row in rows}
    assert segment_paths(tmp_path) == []


def test_rejected_row_goes_to_rejected_log(recorder, engine, tmp_path):
    good, bad = prediction(), prediction(variant="nobody")
    recorder.record([good, bad])
    recorder.record_feedback(
        Feedback(new_id(), good.prediction_id, datetime.now(UTC), ("sql",), "api")
    )
    assert recorder.drain()

    assert [row["prediction_id"] for row in stored(engine)] == [good.prediction_id]
    assert str(bad.prediction_id).encode() in (tmp_path / "rejected.log").read_bytes()


def test_malformed_line_does_not_block_others(tmp_path, database_url, engine):
    good, spool = prediction(), Spool(tmp_path)
    spool.append("p", [b"not a row", prediction_line(good)])
    recorder = SpoolRecorder(spool, lambda: make_engine(database_url, pool_size=1))
    assert recorder.drain()
    recorder.close()

    assert [row["prediction_id"] for row in stored(engine)] == [good.prediction_id]
    assert b"not a row" in (tmp_path / "rejected.log").read_bytes()


def test_feedback_is_stored_as_recorded(recorder, engine):
    tags = ("c++", 'a"b\\c', "naïve, {x}", "null")
    given = Feedback(new_id(), new_id(), datetime.now(UTC), tags, "page")
    recorder.record_feedback(given)
    assert recorder.drain()

    with engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM feedback")).mappings()
    assert tuple(row["final_tags"]) == tags
    assert (row["prediction_id"], row["source"]) == (given.prediction_id, "page")


def test_indicators_join_feedback_and_the_sites_own_tags(engine, recorder):
    by_feedback = prediction(latency_ms=1.0)
    by_site = prediction(question_id=7, latency_ms=3.0)
    unjudged = prediction(latency_ms=100.0)
    hidden = prediction(shadow=True, variant="challenger", question_id=7)
    recorder.record([by_feedback, by_site, unjudged, hidden])
    for tags in (("other",), ("python", "sql", "flask")):  # the second word counts
        recorder.record_feedback(
            Feedback(new_id(), by_feedback.prediction_id, datetime.now(UTC), tags, "api")
        )
        time.sleep(0.002)
    assert recorder.drain()
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO question_tags (site, question_id, asked_at, first_tags, first_seen_at) "
                "VALUES ('sandbox', 7, now(), '{python}', now())"
            )
        )
        start = datetime.now(UTC) - timedelta(days=2)
        days = daily_indicators(connection, "sandbox", start)

    assert sum(day["answers"] for day in days) == 3
    (day,) = [day for day in days if day["judged"]]
    assert day["judged"] == 2
    assert day["precision"] == pytest.approx(3 / 4)
    assert day["coverage"] == pytest.approx(3 / 4)
    assert day["latency_ms"] == 3.0
