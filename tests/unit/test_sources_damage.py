"""Damaged files: what is repaired is counted by kind, what is not is named by file, row and field."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import json
import tempfile
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import py7zr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from include.errors import FixInputError
from include.questions import is_tag
from include.sources.build_question import RawQuestion, accepted_questions
from include.sources.files import read_file
from include.sources.read_report import ReadReport, Repair
from include.sources.xml_repair import repaired_xml

SITE = "cooking"
LINE = {
    "id": 5,
    "creation_date": "2021-05-01T19:02:39Z",
    "title": "a < b",
    "body": "<p>b</p>",
    "tags": ["salt"],
    "site": SITE,
}
HEADER = "Id,PostTypeId,CreationDate,Title,Body,Tags,Score\n"
ROW = '5,1,2021-05-01 19:02:39,"First","<p>b</p>",<salt>,1\n'


def read(path: Path, **options):
    report = ReadReport(**options)
    return list(read_file(path, SITE, report)), report


def lines(folder: Path, *changes: dict) -> Path:
    """Write JSON lines that differ from LINE by ``changes``, with ids from 1."""
    path = folder / "q.jsonl"
    rows = [{**LINE, "id": number, **change} for number, change in enumerate(changes, start=1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def table(folder: Path, content: str | bytes) -> Path:
    path = folder / "posts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def post(**changes: str) -> str:
    columns = {
        "Id": "1", "PostTypeId": "1", "CreationDate": "2021-05-01T19:02:39.5",
        "Title": "T", "Body": "b", "Tags": "|salt|", **changes,
    }  # fmt: skip
    return "<row " + " ".join(f'{name}="{value}"' for name, value in columns.items()) + "/>"


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def dump(folder: Path, *rows: str, encoding: str = "utf-8", head: str = "") -> Path:
    path = folder / "Posts.xml"
    path.write_bytes(f"{head}<posts>{''.join(rows)}</posts>".encode(encoding))
    return path


@pytest.mark.parametrize(
    ("change", "field", "value", "repair"),
    [
        ({"tags": "<python><pandas>"}, "tags", ("python", "pandas"), Repair.TAG_TEXT),
        ({"tags": "|python|pandas|"}, "tags", ("python", "pandas"), Repair.TAG_TEXT),
        ({"tags": "python|pandas"}, "tags", ("python", "pandas"), Repair.TAG_TEXT),
        ({"tags": "python"}, "tags", ("python",), Repair.TAG_TEXT),
        ({"tags": "python, pandas"}, "tags", ("python", "pandas"), Repair.TAG_TEXT),
        ({"tags": "['c#', '.net']"}, "tags", ("c#", ".net"), Repair.TAG_TEXT),
        ({"tags": ["<python><c++>"]}, "tags", ("python", "c++"), None),
        ({"tags": ["&lt;python&gt;"]}, "tags", ("python",), None),
        ({"tags": ["Python", " c# "]}, "tags", ("python", "c#"), Repair.TAG_CASE),
        ({"tags": ["c#", "c#"]}, "tags", ("c#",), Repair.TAG_REPEATED),
        ({"tags": ["cafe\u0301"]}, "tags", ("caf\u00e9",), None),
        ({"tags": []}, "tags", (), Repair.NO_TAGS),
        ({"tags": None}, "tags", (), Repair.NO_TAGS),
        ({"body": None}, "body_html", "", Repair.NO_BODY),
        ({"body": "NULL"}, "body_html", "", Repair.NULL),
        ({"title": "a\0b\x0ec"}, "title", "a b c", Repair.CONTROL_CHARACTER),
        ({"title": "\ud83d\ude00 \ud800"}, "title", "\U0001f600 \ufffd", Repair.SURROGATE),
        ({"id": 7.0}, "question_id", 7, Repair.NUMBER),
        ({"id": "7.0"}, "question_id", 7, Repair.NUMBER),
        ({"score": None}, "score", 0, None),
        ({"score": float("nan")}, "score", 0, None),
        ({"score": "-3"}, "score", -3, None),
        ({"score": "NaN"}, "score", 0, Repair.NULL),
        ({"view_count": r"\N"}, "view_count", 0, Repair.NULL),
        ({"link": "javascript:alert(1)"}, "link", "https://cooking.com/q/1", Repair.LINK),
        ({"author": {"a": 1}}, "author", "", Repair.OWNER),
        ({"licence": "<b>"}, "licence", "CC BY-SA 4.0", Repair.LICENCE),
    ],
)  # fmt: skip
def test_value_of_one_meaning_is_repaired_and_counted(tmp_path, change, field, value, repair):
    (question,), report = read(lines(tmp_path, change))

    assert getattr(question, field) == value
    assert {kind for kind, count in report.repairs.items() if count} == ({repair} - {None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, "line 2: title is null"),
        ({"title": " \n"}, "line 2: title is empty"),
        ({"title": "nan"}, "line 2: title is 'nan', a missing value"),
        ({"title": 12}, "line 2: title is a number, not text"),
        ({"title": "x" * 1_001}, "line 2: title has 1,001 characters"),
        ({"body": ["<p>"]}, "line 2: body is a list, not text"),
        ({"body": "x" * 1_000_001}, "line 2: body has 1,000,001 characters"),
        ({"tags": 5}, "line 2: tags is a number, not a list"),
        ({"tags": ["a", None]}, "line 2: tags contains null, not text"),
        ({"tags": ["two words"]}, "line 2: tags contains 'two words', which is no tag"),
        ({"tags": ["</script>"]}, "line 2: tags contains '/script', which is no tag"),
        ({"tags": [r"$\frac{a$"]}, "which is no tag"),
        ({"tags": ["x" * 36]}, "which is no tag"),
        ({"tags": [f"t{i}" for i in range(26)]}, "line 2: tags has 26 tags"),
        ({"id": 0}, "line 2: id is 0, not in 1 to"),
        ({"id": -5}, "line 2: id is -5, not in 1 to"),
        ({"id": 2**63}, "line 2: id is 9223372036854775808, not in"),
        ({"id": 1.5}, "line 2: id is 1.5, not a whole number"),
        ({"id": float("inf")}, "line 2: id is inf, not a whole number"),
        ({"id": True}, "line 2: id is true or false, not a number"),
        ({"id": "five"}, "line 2: id is 'five', not a whole number"),
        ({"id": None}, "line 2: id is null"),
        ({"view_count": -1}, "line 2: view_count is -1"),
        ({"score": 2**31}, "line 2: score is 2147483648"),
        ({"site": None}, "line 2: site is null"),
        ({"site": "../x"}, "line 2: site is '../x'"),
        ({"creation_date": None}, "line 2: creation_date is null"),
        ({"creation_date": ""}, "line 2: creation_date is empty"),
        ({"creation_date": "soon"}, "line 2: creation_date is 'soon', not an ISO 8601 time"),
        ({"creation_date": "1970-01-01T00:00:00Z"}, "before 1990"),
        ({"creation_date": 0}, "before 1990"),
        ({"creation_date": -1}, "before 1990"),
        ({"creation_date": "9999-12-31T23:59:59Z"}, "line 2: creation_date is '9999"),
        ({"creation_date": "0001-01-01T00:00:00+14:00"}, "not an ISO 8601 time"),
        ({"creation_date": 1e30}, "line 2: creation_date is 1e\\+30"),
        ({"creation_date": float("nan")}, "line 2: creation_date is no number"),
        ({"creation_date": {}}, "line 2: creation_date is an object"),
    ],
)  # fmt: skip
def test_value_without_a_meaning_is_refused_naming_line_and_field(tmp_path, change, message):
    path = tmp_path / "q.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{json.dumps({**LINE, **change})}\n", "utf-8")

    with pytest.raises(FixInputError, match=message):
        list(read_file(path))


@pytest.mark.parametrize(
    "written",
    [
        "2021-05-01T19:02:39Z", "2021-05-01 19:02:39.957000 UTC", "2021-05-01T21:02:39+02:00", "2021-05-01 14:02:39-05:00",
        "2021-05-01T19:02:39.999", "2021-05-01T19:02:39", 1619895759, "1619895759",
        1619895759000, 1619895759000.0,
    ],
)  # fmt: skip
def test_time_of_any_offset_or_unit_is_the_same_moment(tmp_path, written):
    (question,), _ = read(lines(tmp_path, {"creation_date": written}))

    assert question.asked_at == datetime(2021, 5, 1, 19, 2, 39, tzinfo=UTC)


def test_offset_in_a_dump_is_converted(tmp_path):
    (question,), _ = read(dump(tmp_path, post(CreationDate="2021-05-01T00:30:00+02:00")))

    assert question.asked_at == datetime(2021, 4, 30, 22, 30, tzinfo=UTC)


def test_question_later_than_the_export_is_refused(tmp_path):
    path = lines(tmp_path, {})

    with pytest.raises(FixInputError, match="after 2021-05-01"):
        read(path, latest=datetime(2021, 5, 1, tzinfo=UTC))


def test_question_of_tomorrow_is_refused(tmp_path):
    future = (datetime.now(UTC) + timedelta(days=2)).isoformat()

    with pytest.raises(FixInputError, match="creation_date"):
        read(lines(tmp_path, {"creation_date": future}))


def test_line_without_a_site_belongs_to_the_given_one(tmp_path):
    assert len(read(lines(tmp_path, {"site": None}, {"site": "other"}))[0]) == 1


@pytest.mark.parametrize("line", ["{", "[1]", "[" * 100_000, '"text"', '{"id": 1}', "\x00"])
def test_line_that_is_no_question_is_named(tmp_path, line):
    path = tmp_path / "q.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{line}\n", "utf-8")

    with pytest.raises(FixInputError, match=r"q\.jsonl, line 2: "):
        list(read_file(path))


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-32"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: gzip.compress(text.encode()),
    ],
    ids=["mark", "utf-16", "without-mark", "big-endian", "utf-32", "crlf", "cr", "gzip"],
)
def test_text_file_reads_the_same_in_any_unicode_encoding(tmp_path, encode):
    content = json.dumps({**LINE, "title": "Größe 東京"}, ensure_ascii=False) + "\n"
    (tmp_path / "q.jsonl").write_bytes(encode(content * 2))
    rows = HEADER + ROW.replace("First", "Größe 東京") * 2
    table(tmp_path, encode(rows))

    for name in ("q.jsonl", "posts.csv"):
        questions, _ = read(tmp_path / name)
        assert [q.title for q in questions] == ["Größe 東京"] * 2


@pytest.mark.parametrize("name", ["q.jsonl", "posts.csv", "Posts.xml"])
def test_question_in_another_encoding_is_refused_by_place(tmp_path, name):
    lines(tmp_path, {"title": "Groesse"})
    table(tmp_path, HEADER + ROW.replace("First", "Groesse"))
    dump(tmp_path, post(Title="Groesse"))
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b"Groesse", b"Gr\xf6\xdfe"))

    with pytest.raises(FixInputError, match=r"(line|row) \d.*itle has bytes that are not UTF-8"):
        read(path)


def test_bytes_that_are_no_text_in_an_answer_do_not_refuse_a_dump(tmp_path):
    path = dump(tmp_path, post(), post(Id="2", PostTypeId="2", Body="Groesse"))
    path.write_bytes(path.read_bytes().replace(b"Groesse", b"Gr\xf6\xdfe"))

    assert len(read(path)[0]) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252"])
def test_dump_is_read_in_the_encoding_that_it_declares(tmp_path, encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n'
    (question,), _ = read(dump(tmp_path, post(Title="Größe"), encoding=encoding, head=head))

    assert question.title == "Größe"


@pytest.mark.parametrize("encoding", ["no-such", "zlib", "rot13"])
def test_declared_encoding_that_is_none_is_refused(tmp_path, encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n'

    with pytest.raises(FixInputError, match=f"encoding {encoding} is not supported"):
        read(dump(tmp_path, post(), head=head))


@pytest.mark.parametrize(
    "written",
    ["&#x0E;", "&#14;", "&#x0;", "&#0;", "&#xD800;", "&#xFFFE;", "&#x110000;", "\x0e", "\x00",
     "\uffff", "&#00000000000000014;"],
)  # fmt: skip
@pytest.mark.parametrize("post_type", ["1", "2"])
def test_character_that_xml_forbids_is_replaced_in_the_stream(tmp_path, written, post_type):
    path = dump(tmp_path, post(), post(Id="2", PostTypeId=post_type, Title=f"an{written}other"))
    questions, report = read(path)

    expected = ["T", "an other"] if post_type == "1" else ["T"]
    assert [question.title for question in questions] == expected
    assert report.repairs[Repair.CONTROL_CHARACTER] == 1


@given(st.integers(0, 0x110010), st.booleans(), st.integers(1, 40))
def test_reference_to_any_character_is_read_wherever_a_chunk_ends(code, decimal, chunk_length):
    reference = f"&#{code};" if decimal else f"&#x{code:x};"
    xml = f"<posts><row Title='an{reference}other&#xA;'/></posts>"
    chunks = [xml[i : i + chunk_length] for i in range(0, len(xml), chunk_length)]

    root = etree.fromstring(b"".join(repaired_xml(chunks, Counter(), "Posts.xml")))
    title = root[0].get("Title")
    allowed = code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code <= 0xFFFD
    allowed = allowed or 0x10000 <= code <= 0x10FFFF
    assert title == f"an{chr(code) if allowed else ' '}other\n"


def test_dump_with_a_document_type_is_refused(tmp_path):
    entities = "<!DOCTYPE posts [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>"

    with pytest.raises(FixInputError, match="DOCTYPE"):
        read(dump(tmp_path, post(Title="&b;"), head=entities))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Tags": ""}, ("T", "b", ())),
        ({"Body": ""}, ("T", "", ("salt",))),
        ({"PostTypeId": "1.0"}, ("T", "b", ("salt",))),
        ({"OwnerUserId": "x&#10;y"}, ("T", "b", ("salt",))),
        ({"Score": "", "AnswerCount": ""}, ("T", "b", ("salt",))),
    ],
)
def test_post_with_empty_columns_is_read(tmp_path, changes, expected):
    (question,), _ = read(dump(tmp_path, post(**changes)))

    assert (question.title, question.body_html, question.tags) == expected


def test_post_without_a_type_is_refused(tmp_path):
    with pytest.raises(FixInputError, match=r"row 1: PostTypeId is missing"):
        read(dump(tmp_path, post().replace('PostTypeId="1"', "")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + ROW + '6,1,2021-05-01 19:02:39,"Second"\n', "line 3: the row is cut: 4 of 7"),
        (HEADER + ROW + '6,1,2021-05-01 19:02:39,"Second","<p>cut', "line 3: .*cut or damaged"),
        (HEADER + ROW + '6,1,2021-05-01 19:02:39,"a"b,c,<d>,1\n', "line 3"),
        (HEADER + ROW.replace(",1\n", ",1,extra\n"), "line 2: the row has 8 columns"),
        (HEADER + ROW.replace('"First"', '""'), r"line 2 \(post 5\): Title is empty"),
        (HEADER.replace("Score", "Title") + ROW, "more than one column Title"),
        ("", "lacks the columns Id"),
        ("\n" + HEADER + ROW, "lacks the columns Id"),
        (HEADER + ROW.replace('"<p>b</p>"', '"' + "x" * (1 << 24) + 'x"'), "field larger"),
    ],
)
def test_table_with_damage_is_refused_naming_the_row(tmp_path, content, message):
    with pytest.raises(FixInputError, match=message):
        read(table(tmp_path, content))


def test_row_with_line_breaks_in_quotes_does_not_shift_the_named_line(tmp_path):
    content = HEADER + ROW.replace("<p>b</p>", "<p>\n\nb</p>") + "6,1\n"

    with pytest.raises(FixInputError, match="line 5: the row is cut"):
        read(table(tmp_path, content))


def test_table_as_a_data_frame_writes_it_is_read(tmp_path):
    content = (
        ",Id,PostTypeId,CreationDate,Title,Body,Tags,Score\n"
        "0,5.0,1.0,2021-05-01 19:02:39,First,b,\"['c#', '.net']\",3.0\n"
        "1,6.0,1.0,2021-05-01 19:02:39,Second,b,nan,nan\n"
        "2,7.0,2.0,2021-05-01 19:02:39,nan,b,nan,nan\n"
    )
    questions, report = read(table(tmp_path, content))

    assert [(q.question_id, q.tags, q.score) for q in questions] == [
        (5, ("c#", ".net"), 3),
        (6, (), 0),
    ]
    assert report.repairs[Repair.NULL] == 2


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_table_with_another_delimiter_is_read(tmp_path, delimiter):
    assert len(read(table(tmp_path, (HEADER + ROW).replace(",", delimiter)))[0]) == 1


def test_rows_without_a_title_are_answers_where_no_type_says_so(tmp_path):
    header, row = HEADER.replace("PostTypeId,", ""), ROW.replace("5,1,", "5,")
    content = header + row + row.replace('"First"', "")

    assert len(read(table(tmp_path, content))[0]) == 1


@pytest.mark.parametrize("name", ["q.jsonl.gz", "posts.csv.gz", "Posts.xml.gz"])
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damaged_gzip_is_refused(tmp_path, name, damage):
    content = bytearray(gzip.compress(bytes(range(256)) * 400))
    if damage == "cut":
        del content[-20:]
    else:
        content[len(content) // 2] ^= 0xFF
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FixInputError, match=name.split(".", maxsplit=1)[0]):
        read(tmp_path / name)


@pytest.mark.parametrize("suffix", ["7z", "zip"])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/Posts.xml",), None),
        (("a/Posts.xml", "b/Posts.xml"), "more than one Posts.xml"),
        (("inner.7z", "Badges.xml"), r"no Posts\.xml; it contains inner\.7z"),
        ((), "it contains nothing"),
    ],
)
def test_archive_must_contain_one_file_of_posts(tmp_path, suffix, names, message):
    path = tmp_path / f"site.{suffix}"
    content = f"<posts>{post()}</posts>"
    if suffix == "7z":
        with py7zr.SevenZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(content, name)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, content)

    if message is None:
        assert len(read(path)[0]) == 1
    else:
        with pytest.raises(FixInputError, match=message):
            read(path)


@pytest.mark.parametrize("name", ["q.xml", "q.7z", "q.zip", "q.csv", "q.xml.gz"])
def test_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")

    with pytest.raises(FixInputError, match="q"):
        read(tmp_path / name)


def test_cut_archive_is_refused(tmp_path):
    path = tmp_path / "site.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writestr(f"<posts>{post() * 500}</posts>", "Posts.xml")
    path.write_bytes(path.read_bytes()[:-60])

    with pytest.raises(FixInputError, match=r"site\.7z"):
        read(path)


def test_tolerated_share_of_bad_lines_is_left_out_and_counted(tmp_path):
    path = lines(tmp_path, *[{}] * 9, {"title": None})
    questions, report = read(path, max_bad_share=0.1)

    assert (len(questions), report.refused) == (9, 1)
    assert report.examples == ["q.jsonl, line 10: title is null"]
    assert "1 questions refused and left out" in report.summary()


def test_higher_share_of_bad_lines_is_refused_with_examples(tmp_path):
    path = lines(tmp_path, *[{}] * 8, {"title": None}, {"id": 0})

    with pytest.raises(FixInputError, match=r"2 of 10 .* line 9: title is null; .*line 10: id"):
        read(path, max_bad_share=0.1)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@given(st.lists(ANYTHING, min_size=12, max_size=12))
def test_fields_of_any_type_give_a_storable_question_or_a_refusal(values):
    fields = [
        "site", "question_id", "asked_at", "title", "body_html", "tags",
        "score", "view_count", "answer_count", "link", "author", "licence",
    ]  # fmt: skip
    good = {
        "site": SITE, "question_id": 1, "asked_at": "2021-05-01", "title": "T", "body_html": "b",
        "tags": ["salt"],
    }  # fmt: skip
    for field, value in zip(fields, values, strict=True):
        raw = RawQuestion(place="here", names={}, **{**good, field: value})
        report = ReadReport(max_bad_share=0.99)
        questions = []
        with contextlib.suppress(FixInputError):  # the only question may be refused
            questions = list(accepted_questions([raw], report))
        assert len(questions) + len(report.examples) == 1
        assert all(message.startswith(f"here: {field} ") for message in report.examples)
        for question in questions:
            for text in (question.title, question.body_html, question.author, question.link):
                assert "\0" not in text
                text.encode("utf-8")
            assert all(is_tag(tag) for tag in question.tags)


SOUND = {
    "q.jsonl": (json.dumps(LINE) + "\n").encode() * 3,
    "q.jsonl.gz": gzip.compress((json.dumps(LINE) + "\n").encode() * 3),
    "posts.csv": (HEADER + ROW * 3).encode(),
    "Posts.xml": f"<posts>{post() * 3}</posts>".encode(),
    "Posts.xml.gz": gzip.compress(f"<posts>{post() * 3}</posts>".encode()),
    "site.zip": zipped("Posts.xml", f"<posts>{post() * 3}</posts>".encode()),
}


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(SOUND)),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4),
    st.floats(0, 1),
)
def test_file_with_any_bytes_changed_is_read_or_refused_in_a_sentence(name, changes, length):
    content = bytearray(SOUND[name])
    for position, byte in changes:
        content[int(position * len(content))] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content[: round(length * len(content))])
        with contextlib.suppress(FixInputError):  # any other error fails the test
            read(path)
