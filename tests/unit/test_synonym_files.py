"""Synonyms and retired tags from files: exports of the site, CSV and JSON lines of a person."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.errors import FixInputError
from include.sources.synonym_files import read_synonyms
from include.tag_names import TagSynonym


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_an_export_of_the_data_explorer_is_read_without_what_is_not_approved(tmp_path):
    path = written(
        tmp_path,
        "export.csv",
        '"Id","SourceTagName","TargetTagName","CreationDate","ApprovalDate"\n'
        '"1","golang","go","2012-07-05 19:20:04","2012-07-06 01:00:00"\n'
        '"2","windows","linux","2012-07-05 19:20:04",""\n',
    )

    when = datetime(2012, 7, 5, 19, 20, 4, tzinfo=UTC)
    assert read_synonyms(path) == [TagSynonym("golang", "go", when)]


def test_an_empty_target_means_a_retired_tag(tmp_path):
    path = written(tmp_path, "own.csv", "from_tag,to_tag\nhomework,\nk8s,kubernetes\n")

    assert read_synonyms(path) == [TagSynonym("homework", None), TagSynonym("k8s", "kubernetes")]


def test_tags_called_null_and_nan_are_tags(tmp_path):
    path = written(tmp_path, "own.csv", "from_tag,to_tag\nnil,null\nnot-a-number,nan\n")

    assert [each.to_tag for each in read_synonyms(path)] == ["null", "nan"]


def test_json_lines_may_be_gzipped(tmp_path):
    path = tmp_path / "own.jsonl.gz"
    line = '{"from_tag": "Golang", "to_tag": "go", "creation_date": 1341516004}\n\n'
    path.write_bytes(gzip.compress(line.encode()))

    when = datetime(2012, 7, 5, 19, 20, 4, tzinfo=UTC)
    assert read_synonyms(path) == [TagSynonym("golang", "go", when)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "tag,to_tag\nx,y\n", "lacks the columns"),
        ("a.csv", "from_tag,to_tag\nx,y\ntwo words,y\n", "line 3: from_tag is 'two words'"),
        ("a.csv", "from_tag,to_tag\nx,<b>\n", "line 2: to_tag is '<b>'"),
        ("a.csv", "from_tag,to_tag\nx\n", "line 2: 1 columns, the header has 2"),
        ("a.csv", 'from_tag,to_tag\n"x,y\n', "line 2"),
        ("a.jsonl", '{"to_tag": "y"}\n', "line 1: from_tag is 'None'"),
        ("a.jsonl", '{"from_tag": "x", "creation_date": "soon"}\n', "line 1: creation_date is"),
        ("a.jsonl", "[]\n", "line 1: not an object"),
        ("a.jsonl", "{\n", "line 1: not JSON"),
        ("a.xml", "<tags/>", "read from .csv or .jsonl"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    with pytest.raises(FixInputError, match=message):
        read_synonyms(written(tmp_path, name, content))
