"""One pool of connections per process and database, and none shared with a forked child."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import Engine, text

from include.jobs.ingestion.completeness import month_has_questions, month_is_stored
from include.jobs.release.ab_testing import ended_test_mail
from include.settings import Settings
from include.store.engine import process_engine

pytestmark = pytest.mark.integration


def server_process(engine: Engine) -> int:
    """Return the id of the server's process behind a connection of the engine's pool."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def connections(engine: Engine) -> int:
    """Return how many connections the engine's database has."""
    with engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return int(connection.execute(text(query)).scalar_one())


def test_entry_points_of_several_packages_use_one_connection(database_url: str):
    settings = Settings(database_url=database_url, site="devops")
    assert not month_is_stored(settings, "2024-01")
    assert not month_has_questions(settings, "2024-01")
    assert ended_test_mail(settings) is None

    assert connections(process_engine(database_url)) == 1


def test_forked_child_uses_no_connection_of_its_parent(database_url: str):
    parents = server_process(process_engine(database_url))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(server_process(process_engine(database_url))).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert int(os.read(reader, 20)) != parents
    assert server_process(process_engine(database_url)) == parents
