"""The spool drains into real PostgreSQL: in time, in order, each row exactly once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from include.errors import RetryLaterError
from include.store.engine import CONNECT_TIMEOUT_S, make_engine
from include.store.predictions import (
    Feedback,
    Prediction,
    copy_new_predictions,
    copy_predictions,
    count_indicators,
    daily_indicators,
    prediction_line,
    stale_indicator_days,
    uuid7_time,
)
from serving.prediction_ids import new_id
from serving.recorder import MAX_ATTEMPTS, SpoolRecorder
from serving.replay import replay
from serving.spool import Spool, segment_paths
from serving.spool_records import decoded
from tests.benchmarks.service_setup import postgres

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


@pytest.mark.parametrize("missing", [1, 2])
def test_row_that_an_earlier_release_spooled_is_stored(engine, missing):
    spooled = prediction_line(prediction()).rsplit(b"\t", missing)[0]
    with engine.begin() as connection:
        assert copy_predictions(connection, [spooled]) == 1

    (row,) = stored(engine)
    assert (row["key_name"], row["suggested_count"]) == (None, None)


def test_f1_of_the_suggested_tags_is_that_of_the_first_ones_that_were_suggested(engine, recorder):
    best = (("python", 0.9), ("sql", 0.6), ("flask", 0.2))
    for count, true_tags in (
        (2, ("python", "sql")),
        (1, ("sql",)),
        (0, ("flask",)),
        (None, ("a",)),
    ):
        row = prediction(tags=best, suggested_count=count)
        recorder.record([row])
        recorder.record_feedback(
            Feedback(new_id(), row.prediction_id, datetime.now(UTC), true_tags, "api")
        )
    assert recorder.drain()
    days = counted_indicators(engine, datetime.now(UTC))

    (day,) = [day for day in days if day["judged"]]
    assert (day["judged"], day["f1_suggested"]) == (4, pytest.approx(1 / 3))


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


def refused(folder):
    path = folder / "refused.log"
    return decoded(path.read_bytes()).lines if path.exists() else []


def fail_with(engine, sqlstate, title="bad"):
    """Make PostgreSQL refuse rows with that title, with an error of that SQLSTATE."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF NEW.title = '{title}' THEN RAISE EXCEPTION 'no %', NEW.body "
                f"USING ERRCODE = '{sqlstate}'; END IF; RETURN NEW; END $$; "
                "CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON predictions FOR EACH ROW "
                "EXECUTE FUNCTION fail()"
            )
        )


def stop_failing(engine):
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER fail ON predictions"))


@pytest.mark.parametrize("sqlstate", ["54000", "22P02", "23502", "P0001", "XX000"])
def test_refused_row_is_set_aside_and_blocks_no_other(recorder, engine, tmp_path, caplog, sqlstate):
    fail_with(engine, sqlstate)
    bad, good = prediction(title="bad", body="private words"), [prediction() for _ in range(9)]
    recorder.record([*good[:4], bad, *good[4:]])

    assert recorder.drain()
    assert len(stored(engine)) == 9
    (line,) = refused(tmp_path)
    assert line == ("p", prediction_line(bad))
    assert sqlstate in caplog.text
    assert "private words" not in caplog.text


@pytest.mark.parametrize("sqlstate", ["53100", "57P03", "40P01", "55P03", "42501", "25006"])
def test_condition_of_the_server_refuses_no_row(recorder, engine, tmp_path, sqlstate):
    fail_with(engine, sqlstate)
    recorder.record([prediction(title="bad"), prediction()])

    assert not recorder.drain()
    stop_failing(engine)
    assert recorder.drain()
    assert len(stored(engine)) == 2
    assert refused(tmp_path) == []


def test_segment_that_fails_is_not_tried_first_again(recorder, engine):
    fail_with(engine, "53100")
    recorder.record([prediction(title="bad")])
    assert not recorder.drain()
    recorder.record([prediction(title="good")])
    recorder._spool.seal()

    assert not recorder.drain()
    assert not recorder.drain()
    assert [row["title"] for row in stored(engine)] == ["good"]
    stop_failing(engine)


def test_row_that_breaks_every_connection_is_found_and_set_aside(recorder, engine, tmp_path):
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "IF NEW.title = 'bad' THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
                "PERFORM pg_sleep(1); END IF; RETURN NEW; END $$; "
                "CREATE TRIGGER fail BEFORE INSERT ON predictions FOR EACH ROW "
                "EXECUTE FUNCTION fail()"
            )
        )
    recorder.record([prediction(), prediction(title="bad"), prediction()])

    for _ in range(MAX_ATTEMPTS):
        assert not recorder.drain()
    assert recorder.drain()
    assert len(stored(engine)) == 2
    assert len(refused(tmp_path)) == 1
    stop_failing(engine)


def test_replay_stores_refused_rows_once_their_reason_is_gone(
    recorder, engine, tmp_path, database_url
):
    fail_with(engine, "54000")
    recorder.record([prediction(title="bad"), prediction(title="bad")])
    assert recorder.drain()

    again = replay(tmp_path, database_url)
    assert (again.rows, len(again.refused)) == (0, 2)
    stop_failing(engine)
    assert replay(tmp_path, database_url) == (2, [])
    assert replay(tmp_path, database_url) == (0, [])
    assert len(stored(engine)) == 2
    assert refused(tmp_path) == []


def test_replay_during_an_outage_keeps_the_rows(recorder, engine, tmp_path, database_url):
    fail_with(engine, "54000")
    recorder.record([prediction(title="bad")])
    assert recorder.drain()
    stop_failing(engine)

    with pytest.raises(RetryLaterError, match="stay"):
        replay(tmp_path, "postgresql://nobody@127.0.0.1:1/nowhere")
    assert replay(tmp_path, database_url) == (1, [])


def test_detached_partition_is_replaced_and_no_row_refused(recorder, engine, tmp_path):
    recorder.record([prediction()])
    assert recorder.drain()
    with engine.begin() as connection:
        (name,) = connection.execute(
            text(
                "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'predictions'::regclass"
            )
        ).scalars()
        connection.execute(text(f"ALTER TABLE predictions DETACH PARTITION {name}"))
    recorder.record([prediction(), prediction()])

    assert recorder.drain()
    assert len(stored(engine)) == 2
    assert refused(tmp_path) == []


def test_malformed_row_does_not_block_others(tmp_path, database_url, engine):
    good, spool = prediction(), Spool(tmp_path)
    spool.append("p", [b"not a row", prediction_line(good)])
    recorder = SpoolRecorder(spool, lambda: make_engine(database_url, pool_size=1))
    assert recorder.drain()
    recorder.close()

    assert [row["prediction_id"] for row in stored(engine)] == [good.prediction_id]
    assert refused(tmp_path) == [("p", b"not a row")]


def test_damaged_record_is_kept_and_the_others_are_stored(recorder, engine, tmp_path):
    recorder.record([prediction(title="first"), prediction(title="second")])
    (path,) = segment_paths(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"first", b"fjrst"))
    recorder._spool.seal()
    recorder._spool.drop_buffers()

    assert recorder.drain()
    assert [row["title"] for row in stored(engine)] == ["second"]
    assert b"fjrst" in (tmp_path / "damaged.log").read_bytes()
    assert segment_paths(tmp_path) == []


def test_unreadable_segment_does_not_stop_the_draining_of_others(recorder, engine, tmp_path):
    recorder.record([prediction(title="unreadable")])
    recorder._spool.seal()
    recorder._spool.drop_buffers()
    (path,) = segment_paths(tmp_path)
    hidden = path.rename(tmp_path / "hidden")
    path.mkdir()
    recorder.record([prediction(title="good")])

    assert recorder.drain()
    assert [row["title"] for row in stored(engine)] == ["good"]
    path.rmdir()
    hidden.rename(path)
    assert recorder.drain()
    assert len(stored(engine)) == 2


def test_transaction_on_a_hanging_server_ends_within_its_deadline(tmp_path):
    with postgres(tmp_path / "server") as server:
        recorder = SpoolRecorder(
            Spool(tmp_path / "spool"),
            lambda: make_engine(server.url, pool_size=1),
            timeout_s=1.0,
        )
        recorder.record([prediction()])
        assert recorder.drain()
        recorder.record([prediction()])
        server.suspend()
        began = time.monotonic()
        assert not recorder.drain()
        # Not the time of the driver for a new connection on top of the deadline
        assert time.monotonic() - began < CONNECT_TIMEOUT_S
        server.resume()
        assert recorder.drain()
        recorder.close()
        assert len(stored(server.engine)) == 2


def test_feedback_is_stored_as_recorded(recorder, engine):
    tags = ("c++", 'a"b\\c', "naïve, {x}", "null")
    given = Feedback(new_id(), new_id(), datetime.now(UTC), tags, "page")
    recorder.record_feedback(given)
    assert recorder.drain()

    with engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM feedback")).mappings()
    assert tuple(row["final_tags"]) == tags
    assert (row["prediction_id"], row["source"]) == (given.prediction_id, "page")


def counted_indicators(engine, now):
    first_day = (now - timedelta(days=2)).date()
    with engine.begin() as connection:
        days = stale_indicator_days(connection, "sandbox", first_day, now)
    for day in days:
        with engine.begin() as connection:
            count_indicators(connection, "sandbox", day)
    with engine.connect() as connection:
        return daily_indicators(connection, "sandbox", first_day)


def counting_times(engine):
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT day, computed_at FROM daily_indicators"))
        return {row.day: row.computed_at for row in rows}


def test_past_days_are_counted_once_a_day_and_today_each_time(engine):
    now = datetime.now(UTC)
    counted_indicators(engine, now)
    first = counting_times(engine)
    counted_indicators(engine, now)
    second = counting_times(engine)
    counted_indicators(engine, now + timedelta(days=1, minutes=5))
    third = counting_times(engine)

    today = now.date()
    assert len(first) == 3
    assert [day for day in first if second[day] > first[day]] == [today]
    assert all(third[day] > second[day] for day in first if day > today - timedelta(days=2))


def test_hosts_do_not_count_the_same_day_at_once(engine):
    now = datetime.now(UTC)
    with engine.connect() as other:
        other.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('daily_indicators'), hashtext('sandbox'))")
        )
        counted_indicators(engine, now)
        assert counting_times(engine) == {}


def test_judged_answer_without_tags_counts_for_recall_alone(engine, recorder):
    silent = prediction(tags=())
    recorder.record([silent])
    recorder.record_feedback(
        Feedback(new_id(), silent.prediction_id, datetime.now(UTC), ("python",), "api")
    )
    assert recorder.drain()
    days = counted_indicators(engine, datetime.now(UTC))

    assert [row["tags"] for row in stored(engine)] == [[]]
    (day,) = [day for day in days if day["judged"]]
    assert (day["precision"], day["recall"]) == (None, 0.0)


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
    days = counted_indicators(engine, datetime.now(UTC))

    assert sum(day["answers"] for day in days) == 3
    (day,) = [day for day in days if day["judged"]]
    assert day["judged"] == 2
    assert day["precision"] == pytest.approx(3 / 4)
    assert day["recall"] == pytest.approx(3 / 4)
    assert day["latency_ms"] == 3.0
