"""What dumps and people's files say of tags."""

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import py7zr
import pytest

from include.errors import FixInputError
from include.sources.byte_chunks import find_dump_table
from include.sources.description_files import read_description_file
from include.sources.dump import read_dump, read_excerpts
from include.sources.dump_tags import MAX_TAGS, TAGS_FILE, DumpExcerpts, read_dump_tags
from include.sources.fields import EARLIEST
from include.sources.tag_excerpts import MAX_DESCRIPTION_LENGTH, plain_excerpt

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "dumps"
TAGS = (
    '<row Id="1" TagName="C#" Count="3" ExcerptPostId="20" WikiPostId="19" />'
    '<row Id="2" TagName="go" Count="2" ExcerptPostId="22" WikiPostId="21" />'
    '<row Id="3" TagName="bare" Count="1" />'
)
QUESTION = '<row Id="{}" PostTypeId="1" CreationDate="2024-05-02T10:00:00" Title="T" Body="B" Tags="|go|" />'
POSTS = (
    '<row Id="22" PostTypeId="4" LastActivityDate="2020-01-01T00:00:00" Body="A language." />'
    + QUESTION.format(9)
    + '<row Id="21" PostTypeId="5" Body="The wiki itself." />'
    + '<row Id="99" PostTypeId="4" Body="Of a tag that is gone." />'
    + '<row Id="20" PostTypeId="4" LastActivityDate="2021-03-04T05:06:07.891"'
    + ' Body="C# has List&lt;T&gt; &amp;amp; &lt;script&gt;alert(1)&lt;/script&gt;.&#xA; More." />'
    + QUESTION.format(11)
)


def table(name: str, rows: str) -> str:
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<{name}>{rows}</{name}>'


def dump(folder: Path, posts: str = POSTS, tags: str = TAGS) -> Path:
    (folder / "Tags.xml").write_text(table("tags", tags), "utf-8")
    path = folder / "Posts.xml"
    path.write_text(table("posts", posts), "utf-8")
    return path


def excerpts_of(path: Path) -> DumpExcerpts:
    tags = find_dump_table(path, TAGS_FILE)
    assert tags is not None
    excerpts = read_dump_tags(tags)
    read_excerpts(path, excerpts)
    return excerpts


def described(path: Path) -> Mapping[str, str | None]:
    return excerpts_of(path).excerpts.descriptions


def test_excerpts_are_taken_in_the_pass_that_reads_the_questions(tmp_path):
    path = dump(tmp_path)
    excerpts = read_dump_tags(tmp_path / "Tags.xml")

    assert [q.question_id for q in read_dump(path, "cooking", excerpts=excerpts)] == [9, 11]
    assert excerpts.excerpts.descriptions == {
        "go": "A language.",
        "c#": "C# has List<T> &amp; <script>alert(1)</script>. More.",
    }


def test_reading_the_excerpts_alone_gives_the_same(tmp_path):
    path = dump(tmp_path)
    excerpts = read_dump_tags(tmp_path / "Tags.xml")
    list(read_dump(path, "cooking", excerpts=excerpts))

    assert excerpts_of(path) == excerpts


def test_a_dump_was_not_made_before_its_last_excerpt_was_edited(tmp_path):
    assert excerpts_of(dump(tmp_path)).edited_at == datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "soon", "2999-01-01T00:00:00", "0001-01-01T00:00:00"])
def test_an_excerpt_with_an_impossible_date_is_read_and_dates_nothing(tmp_path, date):
    post = f'<row Id="22" PostTypeId="4" LastActivityDate="{date}" Body="A language." />'
    excerpts = excerpts_of(dump(tmp_path, post))

    assert (excerpts.edited_at, excerpts.excerpts.descriptions) == (EARLIEST, {"go": "A language."})


@pytest.mark.parametrize("body", ["", "Body=''", "Body=' &#xA; '"])
def test_an_empty_excerpt_says_that_there_is_none(tmp_path, body):
    path = dump(tmp_path, f"<row Id='22' PostTypeId='4' {body} />")

    assert described(path) == {"go": None}


def test_excerpts_that_are_not_among_the_posts_are_counted_and_leave_their_tags_alone(tmp_path):
    excerpts = excerpts_of(dump(tmp_path, QUESTION.format(9)))

    assert (excerpts.missing, excerpts.excerpts.descriptions) == (2, {})


def test_an_archive_of_a_site_contains_its_tags(tmp_path):
    path = dump(tmp_path)
    archive = tmp_path / "site.7z"
    with py7zr.SevenZipFile(archive, "w") as target:
        target.write(path, "site/Posts.xml")
        target.write(tmp_path / "Tags.xml", "site/Tags.xml")

    assert find_dump_table(archive, TAGS_FILE) == archive
    assert described(archive) == described(path)


def test_the_tags_of_stack_overflow_are_an_archive_beside_its_posts(tmp_path):
    path = dump(tmp_path)
    for table_name in ("Posts", "Tags"):
        with py7zr.SevenZipFile(tmp_path / f"so.com-{table_name}.7z", "w") as target:
            target.write(tmp_path / f"{table_name}.xml", f"{table_name}.xml")

    assert described(tmp_path / "so.com-Posts.7z") == described(path)


@pytest.mark.parametrize("name", ["Posts.xml", "all.xml", "so.com-Posts.7z"])
def test_posts_without_tags_beside_them_have_none(tmp_path, name):
    (tmp_path / name).write_bytes(b"<posts/>")
    (tmp_path / "Tags.csv").write_text("", "utf-8")

    assert find_dump_table(tmp_path / name, TAGS_FILE) is None


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ('<row Id="1" Count="3" />', "row 1: TagName is missing; is it the dump's Tags.xml"),
        ('<row TagName="go" ExcerptPostId="x" />', "row 1: ExcerptPostId is 'x', not a number"),
        ('<row TagName="go" ExcerptPostId="\uff11" />', "not a number"),
        ('<row TagName="go"', "cannot read .*Tags.xml after 0 rows"),
    ],
)
def test_a_damaged_table_of_tags_is_refused_by_its_row(tmp_path, tags, message):
    dump(tmp_path, tags=tags)

    with pytest.raises(FixInputError, match=message):
        read_dump_tags(tmp_path / "Tags.xml")


def test_more_tags_than_any_site_has_are_refused(tmp_path):
    rows = '<row TagName="a" />' * (MAX_TAGS + 1)
    (tmp_path / "Tags.xml").write_text(f"<tags>{rows}</tags>", "utf-8")

    with pytest.raises(FixInputError, match="more than 500,000 tags"):
        read_dump_tags(tmp_path / "Tags.xml")


def test_names_that_are_no_tags_are_left_out(tmp_path):
    dump(tmp_path, tags='<row TagName="two words" ExcerptPostId="22" />')

    assert read_dump_tags(tmp_path / "Tags.xml").tag_of_post == {}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A &amp; B", "A &amp; B"),  # plain text: undoing escapes is the source's part
        ("one\r\n\ttwo\u2028three", "one two three"),
        ("a\x00b\x1b[0m", "a b [0m"),
        ("half \ud83d emoji \U0001f600", "half \ufffd emoji \U0001f600"),
        ("not \ufdd0 text", "not \ufffd text"),
        (" ", ""),
    ],
)
def test_excerpts_become_one_line_that_can_be_stored(written, read):
    assert plain_excerpt(written) == read


def test_a_long_excerpt_is_cut_and_says_so():
    text = plain_excerpt("word " * 10_000)

    assert len(text) <= MAX_DESCRIPTION_LENGTH
    assert text.endswith("word…")


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_table_of_descriptions_is_read_by_tags_in_lower_case(tmp_path):
    path = written(
        tmp_path, "own.csv", 'excerpt,tag\n"A language,\nby Google.",Go\n<b>Bold</b>, c# \n'
    )

    assert read_description_file(path).descriptions == {
        "go": "A language, by Google.",
        "c#": "<b>Bold</b>",
    }


def test_json_lines_of_descriptions_may_be_gzipped(tmp_path):
    line = '{"tag": "go", "excerpt": "A \\u0000language \\ud800.", "count": 3}\n\n'
    path = written(tmp_path, "own.jsonl.gz", gzip.compress(line.encode()))

    assert read_description_file(path).descriptions == {"go": "A language \ufffd."}


@pytest.mark.parametrize("value", ['""', '"  "', "null", '"NULL"', '"NaN"'])
def test_a_missing_excerpt_says_that_there_is_none(tmp_path, value):
    path = written(tmp_path, "own.jsonl", f'{{"tag": "go", "excerpt": {value}}}\n')

    assert read_description_file(path).descriptions == {"go": None}


def test_of_a_repeated_tag_the_later_description_counts_and_it_is_told(tmp_path):
    path = written(tmp_path, "own.csv", "tag,excerpt\ngo,A game.\nGO,A language.\n")
    excerpts = read_description_file(path)

    assert excerpts.descriptions == {"go": "A language."}
    assert excerpts.summary() == ["1 repeated tags: the later description counts"]


def test_descriptions_that_were_cut_are_told(tmp_path):
    path = written(tmp_path, "own.csv", f"tag,excerpt\ngo,{'x' * 2_000}\n")

    assert read_description_file(path).summary() == ["1 descriptions cut after 1,000 characters"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_descriptions_are_read_in_any_unicode_encoding(tmp_path, encoding):
    path = written(tmp_path, "own.csv", "tag,excerpt\ngo,Größe\n".encode(encoding))

    assert read_description_file(path).descriptions == {"go": "Größe"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "tag,text\nx,y\n", "lacks the columns tag and excerpt"),
        ("a.csv", "", "lacks the columns tag and excerpt"),
        ("a.csv", "tag,excerpt\nx,y\ntwo words,y\n", "a.csv, line 3: tag is 'two words'"),
        ("a.csv", "tag,excerpt\n<b>,y\n", "line 2: tag is '<b>'"),
        ("a.csv", "tag,excerpt\nx\n", "line 2: 1 columns, the header has 2"),
        ("a.csv", 'tag,excerpt\nx,"y\n', "line 2"),
        ("a.csv", "tag,excerpt\nx,Größe\n".encode("latin-1"), "bytes that are not UTF-8"),
        ("a.csv", f"tag,excerpt\nx,{'y' * 1_000_001}\n", "line 2: "),
        ("a.jsonl", '{"excerpt": "y"}\n', "line 1: tag is 'None'"),
        ("a.jsonl", '{"tag": "x", "excerp": "y"}\n', "field 'excerpt' is missing"),
        ("a.jsonl", '{"tag": "x", "excerpt": 3}\n', "line 1: excerpt is a number, not text"),
        ("a.jsonl", "[]\n", "line 1: not an object with tag"),
        ("a.jsonl", "{\n", "line 1: not JSON"),
        ("a.txt", "x", "descriptions of tags are read from .csv or .jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_its_line(tmp_path, name, content, message):
    with pytest.raises(FixInputError, match=message):
        read_description_file(written(tmp_path, name, content))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "count"), [("conlang.meta.stackexchange", 4), ("bicycles.meta.stackexchange", 11)]
)
def test_every_excerpt_of_a_real_dump_finds_its_tag(name, count):
    if not (REAL / name).exists():
        pytest.skip("real dumps are not beside this repository")
    excerpts = excerpts_of(REAL / name / "Posts.xml")

    assert (len(excerpts.excerpts.descriptions), excerpts.missing) == (count, 0)
