import pytest
from sqlalchemy import text

from include.errors import CheckFailedError
from include.store.migrations import MIGRATIONS, migrate

pytestmark = pytest.mark.integration


def test_second_migration_applies_nothing(engine):
    assert migrate(engine) == []


def test_changed_migration_is_rejected(engine, tmp_path):
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text() + "-- changed\n")
    with pytest.raises(CheckFailedError, match="0001_questions"):
        migrate(engine, tmp_path)


def test_promotion_rows_cannot_be_changed(engine):
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO promotions (alias, to_version, kind, actor, reason) "
                "VALUES ('champion', '1', 'first', 'test', 'first model')"
            )
        )
    with pytest.raises(Exception, match="refuse_ledger_change"), engine.begin() as connection:
        connection.execute(text("UPDATE promotions SET reason = 'other'"))


def test_partition_is_created_once_per_month(engine):
    with engine.begin() as connection:
        for day in ("2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"):
            connection.execute(
                text("SELECT ensure_month_partition('questions', :moment)"), {"moment": day}
            )
        names = connection.execute(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'questions'::regclass"
            )
        ).scalars()
        assert list(names) == ["questions_2024_02"]
