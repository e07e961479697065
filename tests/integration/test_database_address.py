"""The door to PostgreSQL: addresses, encodings, rights, and a pooler in front of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from include.errors import FixSettingsError, RetryLaterError
from include.store.engine import database_address, explain, make_engine
from include.store.migrations import migrate
from include.store.models import lock_promotion
from include.store.predictions import (
    Feedback,
    Prediction,
    copy_feedback,
    copy_predictions,
    feedback_line,
    prediction_line,
)
from tests.conftest import free_port

pytestmark = pytest.mark.integration

TITLE = "Žluťoučký kůň 日本語 ✓"


@pytest.fixture
def make_database(postgres_server) -> Iterator:
    """Make an empty database with these options; returns its address."""
    url = make_url(postgres_server).set(drivername="postgresql+psycopg2")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    made = []

    def make(options: str = "", owner: str | None = None):
        made.append(f"own_{uuid.uuid4().hex[:10]}")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]} {options}"))
        return url.set(database=made[-1])

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def shown(url) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    "given",
    [
        "postgres://u:p@h/d",
        "postgresql://u:p@h/d",
        "postgresql+psycopg2://u:p@h/d",
        "postgresql+psycopg://u:p@h/d",
        " postgresql://u:p@h/d\n",
    ],
)
def test_usual_forms_of_an_address_are_taken(given):
    assert shown(database_address(given)) == "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ('"postgresql://u:canary@h/d"', "is in quotes"),
        ("'postgresql://u:canary@h/d'", "is in quotes"),
        ("mysql://u:canary@h/d", "begins with mysql://"),
        ("postgresql+asyncpg://u:canary@h/d", "driver psycopg2"),
        ("postgresql://u:canary@h", "names no database"),
        ("canary", "is no address"),
        ("postgresql://u:canary@h:port/d", "is no address"),
    ],
)
def test_wrong_address_is_one_sentence_without_the_password(given, sentence):
    with pytest.raises(FixSettingsError, match=sentence) as refused:
        make_engine(given)
    assert "canary" not in str(refused.value)


def test_encoding_of_the_environment_does_not_matter(database_url, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with make_engine(database_url).connect() as connection:
        assert connection.execute(text("SELECT CAST(:t AS text)"), {"t": TITLE}).scalar() == TITLE
        assert connection.execute(text("SHOW client_encoding")).scalar() == "UTF8"
        assert connection.execute(text("SHOW timezone")).scalar() == "UTC"


def test_database_with_another_encoding_is_refused(make_database):
    url = make_database("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")

    with pytest.raises(FixSettingsError, match="encoding LATIN1, which cannot store"):
        make_engine(shown(url)).connect()


@pytest.mark.parametrize("revoked", ["ALL", "CREATE"])
def test_missing_rights_are_one_sentence(make_database, revoked):
    url = make_database()
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        if not connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = 'guest'")).scalar():
            connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'guest'"))
        connection.execute(text(f"REVOKE {revoked} ON SCHEMA public FROM PUBLIC"))

    with pytest.raises(FixSettingsError, match="GRANT USAGE, CREATE ON SCHEMA public") as refused:
        migrate(make_engine(shown(url.set(username="guest", password="guest"))))
    assert "\n" not in str(refused.value)


def test_server_that_is_away_is_one_sentence():
    away = f"postgresql://u:canary@127.0.0.1:{free_port()}/d"

    with pytest.raises(RetryLaterError, match="does not accept a connection") as refused:
        migrate(make_engine(away))
    assert "\n" not in str(refused.value)
    assert "canary" not in str(refused.value)


def test_error_of_a_login_is_explained_without_it():
    error = OperationalError("x", {}, Exception("cannot reach postgresql://u:canary@h/d\nnow"))

    assert "canary" not in explain(error)


@pytest.fixture
def pooled(make_database, tmp_path) -> Iterator[str]:
    """An empty database behind a real PgBouncer in transaction mode."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    url, port = make_database(), free_port()
    host = url.host or url.query.get("host")
    at = f"host={host}" + (f" port={url.port}" if url.port else "")
    configuration = tmp_path / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n{url.database} = {at} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 4\nunix_socket_dir =\n"
        "server_reset_query_always = 0\n"
    )
    account = pwd.getpwuid(Path(str(host)).stat().st_uid).pw_name if os.geteuid() == 0 else None
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    configuration.chmod(0o644)
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [program, *(("-u", account) if account else ()), str(configuration)],
            stdout=log,
            stderr=log,
        )
    address = f"postgresql://postgres@127.0.0.1:{port}/{url.database}"
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                make_engine(address).connect().close()
                break
            except OperationalError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.1)
        yield address
    finally:
        running.terminate()
        running.wait(10)


def prediction(title: str) -> Prediction:
    at = datetime.now(UTC)
    return Prediction(
        uuid.uuid4(), at, "s", title, "", (("python", 0.5),), "1", "tfidf", "champion", 1.0
    )


def test_platform_works_behind_a_pooler_in_transaction_mode(pooled):
    engine = make_engine(pooled)
    assert migrate(engine)[0] == "0001_questions"

    def work(number: int) -> None:
        for step in range(10):
            row = prediction(f"{TITLE} {number} {step}")
            given = Feedback(uuid.uuid4(), row.prediction_id, row.asked_at, ("python",), "api")
            with engine.begin() as connection:
                copy_predictions(connection, [prediction_line(row)])
                copy_feedback(connection, [feedback_line(given)])
            with engine.begin() as connection:
                lock_promotion(connection)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with engine.connect() as connection:
        titles = connection.execute(text("SELECT title FROM predictions")).scalars().all()
        zones = [connection.execute(text("SHOW timezone")).scalar() for _ in range(5)]
        locks = connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        ).scalar()
    assert len(titles) == 40
    assert all(title.startswith(TITLE) for title in titles)
    assert set(zones) == {"UTC"}
    assert locks == 0
