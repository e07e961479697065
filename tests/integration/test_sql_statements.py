"""Every statement is understood by a real PostgreSQL with the real schema."""

import re
from io import BytesIO

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from include.store.queries import QUERIES, query

pytestmark = pytest.mark.integration

STATEMENTS = sorted(path.stem for path in QUERIES.glob("*.sql"))


def body(name: str) -> str:
    return re.sub(r"--[^\n]*", "", query(name).text).strip()


def first_word(name: str) -> str:
    return body(name).split()[0].upper()


STAGING = [name for name in STATEMENTS if first_word(name) == "CREATE"]


@pytest.fixture(scope="module")
def connection(postgres_server, migrated_template):
    """One connection for all statements, each rolled back: planning leaves nothing behind."""
    from sqlalchemy.engine import make_url

    from include.store.engine import make_engine

    url = make_url(postgres_server).set(
        drivername="postgresql+psycopg2", database=migrated_template
    )
    engine = make_engine(url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def prepare(connection: Connection, name: str) -> None:
    """Let PostgreSQL plan a statement, or run it where it cannot be planned; leave no trace."""
    with connection.begin() as transaction:
        for staging in STAGING:
            connection.execute(query(staging))
        if first_word(name) == "COPY":
            connection.connection.cursor().copy_expert(query(name).text, BytesIO(b""))
        elif first_word(name) in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE"}:
            explain = text(f"EXPLAIN {query(name).text}")
            connection.execute(explain, dict.fromkeys(explain._bindparams))
        else:
            connection.execute(query(name), dict.fromkeys(query(name)._bindparams))
        transaction.rollback()


def test_statement_is_valid(connection: Connection):
    refused = {}
    for name in STATEMENTS:
        try:
            prepare(connection, name)
        except DatabaseError as error:
            refused[name] = str(error)
    assert refused == {}
