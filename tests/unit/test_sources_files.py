"""Readers of dumps, Data Explorer exports and JSON lines."""

import gzip
import json
import logging
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import py7zr
import pytest

from include.errors import FixInputError
from include.sources.dump import read_dump
from include.sources.files import read_file
from include.sources.jsonl import read_jsonl
from include.sources.sede import read_sede

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data"
SITE = "cooking"
ROWS = [
    '<row Id="9" PostTypeId="1" CreationDate="2024-05-02T10:00:00.957" Score="-1" ViewCount="12"'
    ' Title="Is a &lt; b &amp;amp; c?" Body="&lt;p&gt;Why?&lt;/p&gt;&#xA;" Tags="{tags}"'
    ' AnswerCount="2" OwnerUserId="77" ContentLicense="CC BY-SA 4.0" />',
    '<row Id="10" PostTypeId="2" ParentId="9" CreationDate="2024-05-02T11:00:00.000" Body="x" />',
    '<row Id="3" PostTypeId="1" CreationDate="2010-01-01T00:00:00.000" Title="Old" Body="b"'
    ' Tags="|salt|" OwnerDisplayName="Ana" />',
    '<row Id="4" PostTypeId="5" CreationDate="2010-01-01T00:00:00.000" Body="tag wiki" />',
]


def posts(
    tags: str = "|salt|c++|", lead: str = "", declaration: str = '<?xml version="1.0"?>\n'
) -> bytes:
    rows = "\n".join(ROWS).replace("{tags}", tags)
    return f"{lead}{declaration}<posts>\n{rows}\n</posts>".encode()


def dump(folder: Path, content: bytes) -> Path:
    path = folder / "Posts.xml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "tags", ["|salt|c++|", "&lt;salt&gt;&lt;c++&gt;", "&amp;lt;salt&amp;gt;&amp;lt;c++&amp;gt;"]
)
def test_dump_tags_are_read_in_all_three_forms(tmp_path, tags):
    question = next(read_dump(dump(tmp_path, posts(tags)), SITE))

    assert question.tags == ("salt", "c++")


@pytest.mark.parametrize(
    "lead",
    ["", "\ufeff", "<!-- licence -->\n", "\ufeff<!-- one\nand more -->\n<!-- two -->", "\ufeff \n"],
)
def test_dump_may_begin_with_a_byte_order_mark_or_comments(tmp_path, lead):
    assert len(list(read_dump(dump(tmp_path, posts(lead=lead)), SITE))) == 2


def test_dump_may_have_a_comment_inside_and_no_declaration(tmp_path):
    content = posts(declaration="<!-- only this -->").replace(b"<posts>", b"<posts><!-- in -->")

    assert len(list(read_dump(dump(tmp_path, content), SITE))) == 2


def test_dump_question_keeps_its_fields_with_time_in_whole_seconds(tmp_path):
    question = next(read_dump(dump(tmp_path, posts()), SITE))

    assert question.asked_at == datetime(2024, 5, 2, 10, 0, 0, tzinfo=UTC)
    assert question.title == "Is a < b &amp; c?"
    assert question.body_html == "<p>Why?</p>\n"
    assert (question.score, question.view_count, question.answer_count) == (-1, 12, 2)
    assert (question.author, question.licence) == ("user77", "CC BY-SA 4.0")
    assert question.link == "https://cooking.com/q/9"


def test_dump_answers_and_other_posts_are_skipped_and_order_is_the_files(tmp_path):
    assert [q.question_id for q in read_dump(dump(tmp_path, posts()), SITE)] == [9, 3]


def test_licence_that_a_row_lacks_follows_from_its_date(tmp_path):
    old = list(read_dump(dump(tmp_path, posts()), SITE))[1]

    assert (old.licence, old.author) == ("CC BY-SA 2.5", "Ana")


def test_dump_inside_an_archive_reads_the_same(tmp_path):
    path = dump(tmp_path, posts())
    archive = tmp_path / "site.7z"
    with py7zr.SevenZipFile(archive, "w") as target:
        target.writestr(b"<badges/>", "site/Badges.xml")
        target.write(path, "site/Posts.xml")

    assert list(read_file(archive, SITE)) == list(read_dump(path, SITE))


def test_reading_an_archive_can_be_stopped(tmp_path):
    rows = b"".join(
        b"<row Id='%d' PostTypeId='2' Body='%s'/>" % (i, b"x" * 999) for i in range(20_000)
    )
    archive = tmp_path / "site.7z"
    with py7zr.SevenZipFile(archive, "w", filters=[{"id": py7zr.FILTER_COPY}]) as target:
        target.writestr(posts().replace(b"</posts>", rows + b"</posts>"), "Posts.xml")
    questions = read_file(archive, SITE)

    assert next(questions).question_id == 9
    questions.close()


def test_archive_without_posts_says_so(tmp_path):
    archive = tmp_path / "site.7z"
    with py7zr.SevenZipFile(archive, "w") as target:
        target.writestr(b"<badges/>", "Badges.xml")

    with pytest.raises(FixInputError, match=r"contains no Posts\.xml"):
        list(read_file(archive, SITE))


PEAK_OF_READING = """
import re, sys
from pathlib import Path
from include.sources.dump import read_dump
count = sum(1 for _ in read_dump(Path(sys.argv[1]), "cooking"))
# Not ru_maxrss, which starts from the size of the process that started this one.
peak_kb = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(count, int(peak_kb) / 1024)
"""


def test_memory_does_not_grow_with_the_dump(tmp_path):
    row = ROWS[0].replace("{tags}", "|a|").replace("Why", "long " * 800)

    def peak_mb(count: int) -> float:
        path = dump(tmp_path, f"<posts>{row * count}</posts>".encode())
        out = subprocess.check_output(
            [sys.executable, "-c", PEAK_OF_READING, str(path)], cwd=ROOT, text=True
        )
        assert int(out.split()[0]) == count
        return float(out.split()[1])

    assert peak_mb(20_000) - peak_mb(1_000) < 30  # the files differ by 80 MB


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<posts><row Id='1'", "cannot read"),
        (
            b"<posts><row Id='1' PostTypeId='1' CreationDate='2024-01-01'/></posts>",
            r"Posts\.xml, row 1 \(post 1\): Title is null",
        ),
        (b"<posts><row Id='1' PostTypeId='1' CreationDate='soon' Title='t'/></posts>", "post 1"),
    ],
)
def test_broken_dump_is_refused_with_its_position(tmp_path, content, message):
    with pytest.raises(FixInputError, match=message):
        list(read_dump(dump(tmp_path, content), SITE))


EXPORT = (
    "\ufeffId,PostTypeId,CreationDate,Score,Title,Body,Tags,ContentLicense\n"
    '"5","1","2021-05-01 19:02:39","7","Say ""hi""","<p>a, b\nc</p>","<salt><c++>","CC BY-SA 4.0"\n'
    '"6","2","2021-05-01 20:02:39","1","","<p>an answer</p>","","CC BY-SA 4.0"\n'
)


def test_export_skips_answers_and_reads_quoted_fields(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text(EXPORT, "utf-8")
    (question,) = read_sede(path, SITE)

    assert (question.question_id, question.title, question.body_html, question.tags) == (
        5,
        'Say "hi"',
        "<p>a, b\nc</p>",
        ("salt", "c++"),
    )
    assert question.asked_at == datetime(2021, 5, 1, 19, 2, 39, tzinfo=UTC)


def test_truncated_export_is_warned_of(tmp_path, caplog):
    path = tmp_path / "posts.csv"
    path.write_text(EXPORT, "utf-8")

    with caplog.at_level(logging.WARNING):
        assert len(list(read_sede(path, SITE, row_limit=2))) == 1
    assert "export shorter ranges" in caplog.text


def test_complete_export_is_not_warned_of(tmp_path, caplog):
    path = tmp_path / "posts.csv"
    path.write_text(EXPORT, "utf-8")

    with caplog.at_level(logging.WARNING):
        list(read_sede(path, SITE, row_limit=3))
    assert caplog.text == ""


def test_export_without_a_needed_column_is_refused(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("Id,Title\n1,a\n", "utf-8")

    with pytest.raises(FixInputError, match="CreationDate, Body, Tags"):
        list(read_sede(path, SITE))


LINE = {
    "id": 5,
    "creation_date": "2021-05-01T19:02:39Z",
    "title": "a < b",
    "body": "<p>b</p>",
    "tags": ["salt"],
    "site": "devops.stackexchange",
}


@pytest.mark.parametrize("name", ["q.jsonl", "q.jsonl.gz"])
def test_json_lines_are_read_gzipped_or_not(tmp_path, name):
    content = (json.dumps(LINE) + "\n\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    (question,) = read_jsonl(tmp_path / name)

    assert (question.question_id, question.title, question.tags) == (5, "a < b", ("salt",))
    assert question.link == "https://devops.stackexchange.com/q/5"
    assert question.licence == "CC BY-SA 4.0"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2"),
        (json.dumps({**LINE, "creation_date": "soon"}), "line 2"),
        (json.dumps({k: v for k, v in LINE.items() if k != "tags"}), "line 2: field 'tags'"),
    ],
)
def test_bad_line_is_named(tmp_path, line, message):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(LINE) + "\n" + line, "utf-8")

    with pytest.raises(FixInputError, match=message):
        list(read_jsonl(path))


@pytest.mark.parametrize("name", ["none.jsonl", "none.xml", "none.csv", "none.7z", "none.txt"])
def test_missing_file_and_unknown_suffix_are_refused(tmp_path, name):
    with pytest.raises(FixInputError, match="none"):
        list(read_file(tmp_path / name, SITE))


def test_dump_without_a_site_is_refused(tmp_path):
    with pytest.raises(FixInputError, match="does not say its site"):
        read_file(dump(tmp_path, posts()))


def test_json_lines_can_be_filtered_by_site(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(LINE) + "\n" + json.dumps({**LINE, "site": "other"}), "utf-8")

    assert [q.site for q in read_file(path, "other")] == ["other"]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["conlang.meta.stackexchange", "bicycles.meta.stackexchange"])
def test_counts_of_a_real_dump_equal_its_own_tags_file(name):
    folder = REAL / "dumps" / name
    if not folder.exists():
        pytest.skip("real dumps are not beside this repository")
    found = Counter(tag for q in read_dump(folder / "Posts.xml", name) for tag in q.tags)
    listed = re.findall(
        r'TagName="([^"]+)" Count="(\d+)"', (folder / "Tags.xml").read_text("utf-8")
    )

    assert found == {tag: int(count) for tag, count in listed if count != "0"}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "count"), [("rxjs7", 4), ("rxjs-subscriptions", 18)])
def test_real_exports_are_read(name, count):
    path = REAL / "sede" / f"posts_{name}.csv"
    if not path.exists():
        pytest.skip("real exports are not beside this repository")

    questions = list(read_sede(path, "stackoverflow"))
    assert len(questions) == count
    assert all(name in q.tags for q in questions)
