"""Descriptions of tags from dumps and files into PostgreSQL, beside those of the site's API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from include.cli.app import main
from include.errors import FixInputError
from include.jobs.ingestion.import_descriptions import import_descriptions
from include.jobs.ingestion.import_file import import_file
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from include.store.questions import questions_per_month, upsert_questions
from include.store.tag_descriptions import (
    MergedDescriptions,
    descriptions_written_at,
    read_descriptions,
    store_descriptions,
    tags_not_borne,
)
from include.store.tag_names import store_synonyms
from include.tag_names import TagSynonym
from serving.lookups import Lookups
from serving.release import Release
from tests.serving.test_served_models import Machine

pytestmark = pytest.mark.integration

SITE = "cooking"
EDITED = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
EXPORTED = datetime(2021, 6, 1, tzinfo=UTC)
TAGS = (
    '<tags><row Id="1" TagName="go" ExcerptPostId="22" />'
    '<row Id="2" TagName="unused" ExcerptPostId="20" /><row Id="3" TagName="bare" /></tags>'
)
QUESTION = '<row Id="{}" PostTypeId="1" CreationDate="2021-05-02T10:00:00" Title="T" Body="B" Tags="|go|" />'
EXCERPTS = (
    f'<row Id="20" PostTypeId="4" LastActivityDate="{EDITED:%Y-%m-%dT%H:%M:%S.5}" Body="An idea." />'
    '<row Id="22" PostTypeId="4" CreationDate="2020-01-01T00:00:00" Body="A &lt;b&gt;game&lt;/b&gt;." />'
)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return written_dump(tmp_path, EXCERPTS + QUESTION.format(9))


def written_dump(folder: Path, posts: str) -> Path:
    (folder / "Tags.xml").write_text(TAGS, "utf-8")
    path = folder / "Posts.xml"
    path.write_text(f"<posts>{posts}</posts>", "utf-8")
    return path


def table(folder: Path, *lines: str) -> Path:
    path = folder / "own.csv"
    path.write_text("\n".join(["tag,excerpt", *lines, ""]), "utf-8")
    return path


def say(engine: Engine, read_at: datetime, **descriptions: str | None) -> MergedDescriptions:
    with engine.begin() as connection:
        return store_descriptions(connection, SITE, descriptions, read_at)


def stored(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return read_descriptions(connection, SITE)


def rows_of(engine: Engine) -> list[tuple]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT ctid, * FROM tag_descriptions ORDER BY site, tag"))
        return [tuple(row) for row in found]


def test_a_dump_brings_the_descriptions_of_its_tags_and_a_second_import_changes_nothing(
    engine, dump
):
    first = import_file(engine, dump, site=SITE).descriptions
    rows = rows_of(engine)
    again = import_file(engine, dump, site=SITE).descriptions

    assert stored(engine) == {"go": "A <b>game</b>.", "unused": "An idea."}
    assert first is not None
    assert again is not None
    assert (first.merged, first.unknown) == (MergedDescriptions(added=2), ("unused",))
    assert again.merged == MergedDescriptions()
    assert rows_of(engine) == rows


def test_a_reading_counts_what_it_adds_changes_removes_and_does_not_reach(engine):
    say(engine, EXPORTED, same="A.", other="B.", gone="C.", late="D.", never=None)
    say(engine, EXPORTED + timedelta(days=2), late="E.")
    later = EXPORTED + timedelta(days=1)

    merged = say(
        engine, later, new="F.", same="A.", other="G.", gone=None, late="H.", never="I.", bare=None
    )

    assert merged == MergedDescriptions(added=2, changed=1, removed=1, kept=1)
    assert stored(engine) == {"late": "E.", "never": "I.", "new": "F.", "other": "G.", "same": "A."}


@pytest.mark.parametrize(
    ("as_of", "read_at", "counts"),
    [
        (EXPORTED, EXPORTED + timedelta(days=1), "api"),
        (EXPORTED, EXPORTED - timedelta(days=1), "dump"),
        (None, EDITED + timedelta(seconds=1), "api"),
        (None, EDITED - timedelta(seconds=1), "dump"),
    ],
)
def test_of_dump_and_api_the_later_reading_counts(engine, dump, as_of, read_at, counts):
    say(engine, read_at, go="A language.")
    import_file(engine, dump, site=SITE, as_of=as_of)

    assert stored(engine)["go"] == ("A language." if counts == "api" else "A <b>game</b>.")


def test_an_interrupted_import_brings_the_descriptions_when_it_is_resumed(engine, tmp_path):
    questions = "".join(QUESTION.format(number) for number in range(100, 8_100))
    path = written_dump(tmp_path, EXCERPTS + questions)

    def stop(step: str, done: int, total: int | None) -> None:
        if step == "store" and done >= 7_000:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        import_file(engine, path, site=SITE, on_progress=stop)
    assert stored(engine) == {}

    assert import_file(engine, path, site=SITE).resumed_after == 5_002
    assert set(stored(engine)) == {"go", "unused"}


def test_a_dump_whose_table_of_tags_is_damaged_stores_nothing(engine, dump):
    dump.with_name("Tags.xml").write_text("<tags><row Id='1' /></tags>", "utf-8")

    with pytest.raises(FixInputError, match="TagName is missing"):
        import_file(engine, dump, site=SITE)
    with engine.connect() as connection:
        assert questions_per_month(connection, SITE) == {}


def test_descriptions_alone_are_read_from_a_dump_whose_questions_stay_out(engine, dump):
    imported = import_descriptions(engine, dump, SITE, as_of=EXPORTED)

    assert (imported.merged.added, imported.missing) == (2, 0)
    with engine.connect() as connection:
        assert questions_per_month(connection, SITE) == {}


def test_a_date_of_export_in_the_future_is_refused(engine, tmp_path):
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    with pytest.raises(FixInputError, match="future"):
        import_descriptions(engine, table(tmp_path, "go,A game."), SITE, as_of=tomorrow)


def test_a_tag_is_unknown_if_no_question_bears_it_by_its_canonical_name(engine):
    question = Question(SITE, 1, EXPORTED, "T", "b", ("golang", "homework", "json"))
    known = [TagSynonym("golang", "go"), TagSynonym("homework", None)]
    with engine.begin() as connection:
        upsert_questions(connection, [question])
        store_synonyms(connection, SITE, known, "file", complete=True)

        asked = ["xml", "json", "homework", "golang", "go"]
        assert tags_not_borne(connection, SITE, asked) == ["golang", "homework", "xml"]


def test_whoever_polls_sees_what_a_transaction_writes_that_began_before_the_last_poll(engine):
    say(engine, EXPORTED, go="A game.")
    with engine.connect() as early:
        early.execute(text("SELECT now()"))
        say(engine, EXPORTED, json="A format.")
        with engine.connect() as polling:
            polled = descriptions_written_at(polling, SITE)
        store_descriptions(early, SITE, {"xml": "Another."}, EXPORTED)
        early.commit()
    with engine.connect() as polling:
        assert descriptions_written_at(polling, SITE) > polled


def test_a_reading_that_says_the_same_as_before_does_not_look_like_news(engine):
    say(engine, EXPORTED, go="A game.")
    with engine.connect() as connection:
        before = descriptions_written_at(connection, SITE)
    say(engine, EXPORTED + timedelta(days=1), go="A game.")

    with engine.connect() as connection:
        assert descriptions_written_at(connection, SITE) == before


def test_the_service_follows_an_import_that_is_older_than_the_last_pull(
    engine, dump, tmp_path, monkeypatch
):
    monkeypatch.setattr("serving.lookups.TAG_DESCRIPTIONS_INTERVAL_S", 0.0)
    cache = Machine(tmp_path).model_cache
    looking = Lookups(
        cache, connect=lambda: engine, site=SITE, read_release=lambda database: Release()
    )
    say(engine, datetime.now(UTC), json="A format.")
    looking.poll()
    import_file(engine, dump, site=SITE, as_of=EXPORTED)
    looking.poll()

    assert set(cache.tag_descriptions.read()) == {"go", "json", "unused"}


@pytest.fixture
def command(monkeypatch, database_url):
    """Run the command with the settings of a site; return its exit code."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SITE", SITE)
    monkeypatch.setenv("API_REQUESTS_PER_S", "30")
    return lambda *arguments: main([str(argument) for argument in arguments])


def test_the_command_tells_what_became_of_a_file(command, engine, tmp_path, capsys):
    say(engine, EXPORTED, go="A language.", xml="Old.")
    path = table(tmp_path, "Go,A <i>game</i>.", "json,A format.", "xml,", "json,Another format.")

    assert command("import", path, "--descriptions") == 0
    assert capsys.readouterr().out.splitlines() == [
        "descriptions of 3 tags read: 1 added, 1 changed, 1 removed; the service of cooking follows",
        "  2 of tags that no stored question bears: go, json",
        "  1 repeated tags: the later description counts",
    ]
    assert stored(engine) == {"go": "A <i>game</i>.", "json": "Another format."}


def test_the_command_names_what_an_older_file_does_not_change(command, engine, tmp_path, capsys):
    say(engine, EXPORTED, go="A language.")
    path = table(tmp_path, "go,A game.")

    assert command("import", path, "--descriptions", "--as-of", "2021-05-31") == 0
    assert "1 left as they are: they were read later than this file" in capsys.readouterr().out
    assert stored(engine) == {"go": "A language."}


def test_the_command_says_if_a_dump_comes_without_its_tags(command, dump, capsys):
    dump.with_name("Tags.xml").unlink()

    assert command("import", dump, "--site", SITE) == 0
    assert "no Tags.xml of the dump beside it" in capsys.readouterr().out
    assert command("import", dump, "--descriptions") == 2
    assert "put the one of the same dump there" in " ".join(capsys.readouterr().err.split())


def test_the_command_takes_synonyms_or_descriptions(command, tmp_path, capsys):
    path = table(tmp_path, "go,A game.")

    assert command("import", path, "--descriptions", "--synonyms") == 2
    assert "choose one" in capsys.readouterr().err


def test_the_command_reads_from_the_api_what_is_due(command, engine, monkeypatch, capsys):
    with engine.begin() as connection:
        upsert_questions(connection, [Question(SITE, 1, EXPORTED, "T", "b", ("go", "json"))])
    api = SandboxApi(SITE, QuestionIndex([]), descriptions={"go": "A language."})
    with running(api) as url:
        monkeypatch.setenv("STACKEXCHANGE_API_URL", url)
        assert command("descriptions") == 0

    assert capsys.readouterr().out == (
        "2 tags of cooking asked for with 1 requests: 1 have a description, 1 added, 0 changed, "
        "0 removed\n"
    )
