"""First tags of a dump's questions from its history, and how well they agree with its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from include.errors import FixInputError
from include.jobs.ingestion.import_file import ImportedFile, describe_import, import_file
from include.monitoring.database_sources import read_volumes
from include.monitoring.metrics import Samples
from include.questions import Question
from include.store.label_readings import read_label_agreements
from include.store.questions import upsert_questions
from include.store.tag_names import store_synonyms
from include.tag_names import TagSynonym

pytestmark = pytest.mark.integration

SITE = "cooking"
ASKED = datetime(2021, 2, 3, 10, tzinfo=UTC)
EXPORTED = datetime(2021, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def question(number: int, tags: str, asked: datetime = ASKED) -> str:
    return (
        f'<row Id="{number}" PostTypeId="1" CreationDate="{asked:%Y-%m-%dT%H:%M:%S}.000" '
        f'Title="T{number}" Body="B" Tags="|{tags}|" />'
    )


def event(kind: int, number: int, tags: str, after: timedelta = 0 * DAY, text: str = "") -> str:
    moment = ASKED + after
    written = text or "".join(f"&lt;{tag}&gt;" for tag in tags.split("|"))
    return (
        f'<row Id="{number}{kind}" PostHistoryTypeId="{kind}" PostId="{number}" RevisionGUID="0" '
        f'CreationDate="{moment:%Y-%m-%dT%H:%M:%S}.123" UserId="1" Text="{written}" '
        'ContentLicense="CC BY-SA 4.0" />'
    )


POSTS = (
    question(1, "go|json"),
    question(2, "go|yaml"),
    question(3, "go"),
    question(4, "rust|json"),
)
HISTORY = (
    event(3, 1, "go|json"),
    event(2, 1, "", text="the body, of no concern here"),
    event(3, 2, "go"),
    event(3, 3, "go|java"),
    event(3, 4, "rust|json"),
    event(6, 3, "go", after=DAY),  # on the next day, so that it was read with these tags
    event(6, 2, "go|yaml", after=5 * DAY),
    event(6, 4, "rust", after=DAY),
    event(9, 4, "rust|json", after=DAY + timedelta(hours=1)),
)


def dump(folder: Path, history: tuple[str, ...] = HISTORY, posts: tuple[str, ...] = POSTS) -> Path:
    (folder / "PostHistory.xml").write_text(
        f"<posthistory>{''.join(history)}</posthistory>", "utf-8"
    )
    path = folder / "Posts.xml"
    path.write_text(f"<posts>{''.join(posts)}</posts>", "utf-8")
    return path


def imported(engine: Engine, path: Path, as_of: datetime = EXPORTED) -> ImportedFile:
    return import_file(engine, path, site=SITE, as_of=as_of)


def tags(engine: Engine) -> dict[int, tuple[Any, ...]]:
    """Return first and settled tags, and after how many days each were read, by question."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM question_tags ORDER BY question_id"))
        return {
            row.question_id: (
                tuple(row.first_tags),
                row.settled_tags and tuple(row.settled_tags),
                (row.first_seen_at - row.asked_at) / DAY,
            )
            for row in rows
        }


def test_first_tags_are_those_of_two_days_after_the_question(engine, tmp_path):
    found = imported(engine, dump(tmp_path))
    assert tags(engine) == {
        1: (("go", "json"), None, 2),
        2: (("go",), ("go", "yaml"), 2),
        3: (("go",), None, 2),
        4: (("rust", "json"), None, 2),
    }
    assert found.history.questions == 4
    assert any("agree with a mean F1 of 0.9167; 25.00% have" in s for s in describe_import(found))


def test_agreement_by_month_is_published_as_that_of_a_live_site(engine, tmp_path):
    imported(engine, dump(tmp_path))
    samples = Samples()
    with engine.connect() as connection:
        [agreement] = read_label_agreements(connection, SITE)
        read_volumes(connection, samples, SITE)
    assert (agreement.month, agreement.compared_count, agreement.changed_count) == ("2021-02", 4, 1)
    assert agreement.mean_f1 == pytest.approx((3 + 2 / 3) / 4)
    assert agreement.first_age_days == 2
    assert agreement.settled_age_days == pytest.approx((EXPORTED - ASKED) / DAY)
    published = samples.values("label_agreement_ratio")
    assert published == {("2021-02",): pytest.approx(agreement.mean_f1)}


def test_same_dump_again_changes_nothing(engine, tmp_path):
    path = dump(tmp_path)
    imported(engine, path)
    with engine.connect() as connection:
        before = tags(engine), read_label_agreements(connection, SITE)[0].mean_f1
    assert imported(engine, path).history.questions == 0
    with engine.connect() as connection:
        assert (tags(engine), read_label_agreements(connection, SITE)[0].mean_f1) == before


def test_later_dump_replaces_the_figures_of_an_earlier_one(engine, tmp_path):
    imported(engine, dump(tmp_path))
    edited = (*POSTS[:3], question(4, "rust|xml"))
    imported(engine, dump(tmp_path, posts=edited), as_of=EXPORTED + 90 * DAY)
    with engine.connect() as connection:
        [agreement] = read_label_agreements(connection, SITE)
    assert agreement.changed_count == 2
    assert tags(engine)[4] == (("rust", "json"), ("rust", "xml"), 2)


def test_rename_that_is_known_is_no_change(engine, tmp_path):
    with engine.begin() as connection:
        store_synonyms(connection, SITE, [TagSynonym("golang", "go")], "file", complete=True)
    imported(engine, dump(tmp_path, (event(3, 1, "golang|json"),), POSTS[:1]))
    with engine.connect() as connection:
        assert read_label_agreements(connection, SITE)[0].mean_f1 == 1


def test_own_reading_soon_after_the_question_is_kept(engine, tmp_path):
    read = Question(SITE, 2, ASKED, "T2", "B", ("go", "csv"), fetched_at=ASKED + DAY)
    with engine.begin() as connection:
        upsert_questions(connection, [read])
    imported(engine, dump(tmp_path))
    assert tags(engine)[2] == (("go", "csv"), ("go", "yaml"), 1)


def test_month_whose_tags_had_not_settled_at_the_export_is_left_out(engine, tmp_path):
    imported(engine, dump(tmp_path), as_of=datetime(2021, 3, 14, tzinfo=UTC))
    assert tags(engine)[2][1] is None
    with engine.connect() as connection:
        assert read_label_agreements(connection, SITE) == []


def test_unreadable_lists_of_tags_are_counted_and_left_out(engine, tmp_path):
    damaged = (
        event(3, 1, "go|json").replace('PostId="1"', 'PostId="one"'),
        event(3, 2, "no tag!"),
        event(6, 3, "go").replace("2021-02-03", "yesterday"),
        event(3, 4, "").replace('Text="&lt;&gt;"', ""),
    )
    found = imported(engine, dump(tmp_path, (*damaged, event(3, 4, "rust"))))
    assert (found.history.report.unreadable, found.history.questions) == (4, 1)


@pytest.mark.parametrize(
    ("history", "message"),
    [(("<row Id='1' />",), "PostHistoryTypeId is missing"), (("<row",), "cannot read")],
)
def test_broken_history_names_itself_and_changes_no_tags(engine, tmp_path, history, message):
    with pytest.raises(FixInputError, match=message):
        imported(engine, dump(tmp_path, history))
    assert tags(engine)[2] == (("go", "yaml"), None, (EXPORTED - ASKED) / DAY)
    assert imported(engine, dump(tmp_path)).history.questions == 4  # read again once it is whole
