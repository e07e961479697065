"""A row's or request's text is in no error, traceback or log: a canary in what is refused."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from include.store.engine import explain, make_engine
from include.store.errors import description
from include.store.predictions import Prediction, copy_predictions, prediction_line

pytestmark = pytest.mark.integration

CANARY = "c4n4ry-of-a-text"
AT = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.fixture
def engine(database_url):
    made = make_engine(database_url)
    yield made
    made.dispose()


def store_refused_prediction(connection):
    row = Prediction(UUID(int=7), AT, "s", CANARY, CANARY, (), "1", "tfidf", CANARY, 1.5)
    copy_predictions(connection, [prediction_line(row)])


def store_number_that_is_none(connection):
    connection.execute(text("SELECT CAST(:text AS integer)"), {"text": CANARY})


def copy_number_that_is_none(connection):
    row = Prediction(UUID(int=7), AT, "s", "t", "b", (), "1", "tfidf", "champion", 1.5)
    line = prediction_line(row).replace(b"1.500", CANARY.encode())
    copy_predictions(connection, [line])


def store_same_key_twice(connection):
    row = {"key": CANARY}
    statement = text("INSERT INTO outbox (incident_key, run_key, fallback, incident, due_at) "
                     "VALUES (:key, '', false, '{}', now())")  # fmt: skip
    connection.execute(statement, row)
    connection.execute(statement, row)


@pytest.mark.parametrize(
    "refused",
    [
        store_refused_prediction,
        store_number_that_is_none,
        copy_number_that_is_none,
        store_same_key_twice,
    ],
)
def test_traceback_of_a_refused_row_holds_nothing_of_it(engine, refused):
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        refused(connection)

    error = caught.value
    shown = "".join(traceback.format_exception(error))
    assert CANARY not in shown
    assert CANARY not in description(error) + explain(error) + repr(error) + repr(error.orig)
    assert "SQLSTATE 2" in shown  # class 22 or 23


def test_missing_table_is_still_named(engine):
    with pytest.raises(DBAPIError, match='relation "nothing" does not exist'), engine.begin() as c:
        c.execute(text("SELECT * FROM nothing"))
