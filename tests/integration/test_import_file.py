"""A file of questions loaded into PostgreSQL by the command."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from include.errors import FixInputError
from include.jobs.ingestion.import_file import import_file, main
from include.store.questions import read_questions, upsert_questions

pytestmark = pytest.mark.integration

SPAN = (datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))
DUMP = (
    "<posts>"
    '<row Id="9" PostTypeId="1" CreationDate="2021-05-02T10:00:00.957" Title="T" Body="B" Tags="|a|"/>'
    '<row Id="8" PostTypeId="1" CreationDate="2021-04-02T10:00:00.957" Title="U" Body="C" Tags="|b|"/>'
    "</posts>"
)


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "Posts.xml"
    path.write_text(DUMP, "utf-8")
    return path


def test_dump_is_stored_and_a_second_import_changes_nothing(engine, dump):
    assert import_file(engine, dump, site="cooking") == 2
    assert import_file(engine, dump, site="cooking") == 2

    with engine.connect() as connection:
        stored = read_questions(connection, "cooking", *SPAN)
    assert [(q.question_id, q.title, q.tags) for q in stored] == [
        (8, "U", ("b",)),
        (9, "T", ("a",)),
    ]


def test_older_export_does_not_overwrite_later_versions(engine, dump):
    import_file(engine, dump, site="cooking")
    with engine.begin() as connection:
        fresh = read_questions(connection, "cooking", *SPAN)[1]
        later = replace(fresh, title="Edited", fetched_at=datetime(2023, 1, 1, tzinfo=UTC))
        connection.execute(text("UPDATE questions SET fetched_at = '2022-06-01'"))
        upsert_questions(connection, [later])
    import_file(engine, dump, site="cooking", as_of=datetime(2022, 9, 1, tzinfo=UTC))

    with engine.connect() as connection:
        assert read_questions(connection, "cooking", *SPAN)[1].title == "Edited"


def test_broken_file_stores_nothing(engine, tmp_path):
    path = tmp_path / "q.jsonl"
    row = {
        "id": 1,
        "creation_date": "2021-05-01",
        "title": "t",
        "body": "b",
        "tags": ["a"],
        "site": "s",
    }
    path.write_text(json.dumps(row) + "\n{", "utf-8")

    with pytest.raises(FixInputError, match="line 2"):
        import_file(engine, path)
    with engine.connect() as connection:
        assert read_questions(connection, "s", *SPAN) == []


def test_file_without_a_question_of_the_site_is_rejected(engine, tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text("", "utf-8")

    with pytest.raises(FixInputError, match="contains no question of cooking"):
        import_file(engine, path, site="cooking")


def test_command_without_a_site_names_the_missing_option(database_url, dump, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", database_url)

    assert main([str(dump)]) == 2
    assert "does not say its site" in capsys.readouterr().err
    assert main([str(dump), "--site", "cooking", "--as-of", "2022-01-01"]) == 0
    assert "stored 2 questions" in capsys.readouterr().out
