"""A database of the first tagged version, with rows, becomes one of today's version."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from include.jobs.data.features import load_labelled
from include.store.engine import make_engine
from include.store.migrations import MIGRATIONS, migrate
from include.store.questions import questions_per_month
from tests.conftest import own_database

pytestmark = pytest.mark.integration

# Name of each migration of 0.1.0, and the first digits of its SHA-256
FIRST_VERSION = {
    "0001_questions": "061d7cda5eaf8285",
    "0002_features": "e127ac1d280446be",
    "0003_models": "5118e71e3740bb85",
    "0004_predictions": "2ede280f904d7f44",
    "0005_drift": "c6c7020212504a88",
    "0006_stability": "70b6ab9171a15cb7",
    "0007_predictions_by_time": "e090c3b4b0bf8a9c",
    "0008_drift_vocabulary": "142e2ddb5a945763",
    "0009_imports": "b30443c01a50b0f8",
    "0010_key_names": "15969b7e063e9f7f",
    "0011_detached_partitions": "9f26abd8073fdf13",
    "0012_month_shards": "69f610e357067da3",
    "0013_installation": "e250abaa424922b7",
    "0014_daily_indicators": "7f07c8a8591b3fb1",
    "0015_packed_stability_pairs": "81dda6cf15460489",
    "0016_fits": "c0a61f0e7536523c",
    "0017_outbox": "a7eca283e0238e6c",
    "0018_reference_models": "5efa898f00ae798e",
    "0019_version_quality": "badd6ea0740394e5",
    "0020_backups": "7df50e4a0c4add2e",
    "0021_retention": "bfe8c01e917eed07",
}

# As 0.1.0 wrote them
ROWS = (
    "SELECT ensure_month_partition('questions', timestamptz '2024-02-01Z')",
    "SELECT ensure_month_partition('predictions', timestamptz '2024-03-01Z')",
    """
    INSERT INTO questions (site, question_id, asked_at, title, body_html, score, view_count,
        answer_count, link, author, licence)
    SELECT 'devops', n, timestamptz '2024-02-01Z' + n * interval '6 hours', 'Question ' || n,
        '<p>How do I build image ' || n || ' with docker?</p>', n % 5, n, 1,
        'https://devops.stackexchange.com/q/' || n, 'someone', 'CC BY-SA 4.0'
    FROM generate_series(1, 100) n
    """,
    """
    INSERT INTO question_tags (site, question_id, asked_at, first_tags, first_seen_at, settled_tags)
    SELECT 'devops', n, timestamptz '2024-02-01Z' + n * interval '6 hours', ARRAY['docker'],
        timestamptz '2024-03-01Z', CASE WHEN n % 2 = 0 THEN ARRAY['docker', 'ci'] END
    FROM generate_series(1, 100) n
    """,
    """
    INSERT INTO ingest_windows (site, window_start, window_end, state, fetched_count)
    VALUES ('devops', '2024-02-01Z', '2024-03-01Z', 'done', 100)
    """,
    """
    INSERT INTO predictions (prediction_id, asked_at, site, title, body, tags, model_version,
        candidate, variant, latency_ms, client, key_name)
    SELECT gen_random_uuid(), timestamptz '2024-03-01Z' + n * interval '1 hour', 'devops', 'Title',
        'Body', '[{"tag": "docker", "score": 0.5}]', '1', 'tfidf', 'champion', 2.5, 'a', 'me'
    FROM generate_series(1, 50) n
    """,
    """
    INSERT INTO feedback (feedback_id, prediction_id, given_at, final_tags, source, key_name)
    SELECT gen_random_uuid(), prediction_id, asked_at, ARRAY['docker'], 'api', 'me' FROM predictions
    """,
    """
    INSERT INTO promotions (alias, to_version, kind, actor, reason)
    VALUES ('champion', '1', 'first', 'me', 'the first model')
    """,
)
FILLED = ("questions", "question_tags", "ingest_windows", "predictions", "feedback", "promotions")


def first_version(folder: Path) -> Path:
    """Return a folder with the migrations of 0.1.0 only."""
    for name in FIRST_VERSION:
        shutil.copy(MIGRATIONS / f"{name}.sql", folder)
    return folder


def contents(engine: Engine, columns: dict[str, list[str]]) -> dict[str, Any]:
    """Return the number of rows, and a hash of the given columns' values, of each filled table."""
    found = {}
    with engine.connect() as connection:
        for table, names in columns.items():
            values = ", ".join(names)
            row = connection.execute(
                text(
                    "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) "
                    f"FROM (SELECT {values} FROM {table}) t"
                )
            ).one()
            found[table] = tuple(row)
    return found


def schema(engine: Engine) -> dict[str, list[str]]:
    """Return the columns of each table, with their types."""
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for table, column, kind in connection.execute(
            text(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'public' ORDER BY table_name, column_name"
            )
        ):
            found.setdefault(table, []).append(f"{column} {kind}")
    return found


@pytest.fixture
def old(postgres_server: str, tmp_path: Path) -> Iterator[Engine]:
    """A database as 0.1.0 left it, with rows."""
    with own_database(postgres_server, "template1") as url:
        engine = make_engine(url)
        assert migrate(engine, first_version(tmp_path)) == list(FIRST_VERSION)
        with engine.begin() as connection:
            for statement in ROWS:
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        yield engine
        engine.dispose()


def test_migrations_of_the_first_version_are_as_they_were():
    now = {
        name: hashlib.sha256((MIGRATIONS / f"{name}.sql").read_bytes()).hexdigest()[:16]
        for name in FIRST_VERSION
    }

    assert now == FIRST_VERSION


def test_upgrade_applies_what_came_later_keeps_every_row_and_todays_code_reads_them(old: Engine):
    columns = {table: [column.split()[0] for column in schema(old)[table]] for table in FILLED}
    before = contents(old, columns)
    later = sorted(path.stem for path in MIGRATIONS.glob("*.sql") if path.stem not in FIRST_VERSION)

    applied = migrate(old)

    assert applied == later
    assert contents(old, columns) == before
    with old.connect() as connection:
        assert questions_per_month(connection, "devops") == {"2024-02": 100}
    labelled = load_labelled(old, "devops", "2024-02", "2024-02")
    assert len(labelled) == 100
    assert migrate(old) == []


def test_upgraded_database_has_the_schema_of_a_new_one(old: Engine, engine: Engine):
    migrate(old)
    partitions = {"questions_2024_02", "predictions_2024_03"}

    upgraded = {table: columns for table, columns in schema(old).items() if table not in partitions}

    assert upgraded == schema(engine)
