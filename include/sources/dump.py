"""
Questions from a data dump: ``Posts.xml``, or the 7z, zip or gzip archive that contains it.

The file is streamed, so memory does not grow with its size. Questions come in the order of the
file, which is not the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from lxml import etree

from include.errors import FixInputError
from include.questions import Question
from include.sources.build_question import BadRecord, RawQuestion, accepted_questions
from include.sources.byte_chunks import read_chunks
from include.sources.encodings import decoded_chunks
from include.sources.post_rows import is_question, raw_post
from include.sources.read_report import ReadReport
from include.sources.xml_repair import repaired_xml


def read_dump(path: Path, site: str, report: ReadReport | None = None) -> Iterator[Question]:
    """
    Yield the questions of ``path``; answers and other posts are skipped.

    Parameters
    ----------
    path : Path
        ``Posts.xml``, or an archive with one such file inside.
    site : str
        The API's name of the site, which the dump does not contain.
    report : ReadReport or None
        Counts what is read; by default nothing may be refused.

    Raises
    ------
    FixInputError
        If the file is missing or broken, or more questions than tolerated cannot be read.
    """
    report = report or ReadReport()
    with closing(read_chunks(path)) as chunks:
        texts = decoded_chunks(chunks, report.repairs, path.name)
        xml = repaired_xml(texts, report.repairs, path.name)
        try:
            yield from accepted_questions(_records(xml, site, path.name, report), report)
        except etree.XMLSyntaxError as error:
            raise FixInputError(
                f"cannot read {path} after {report.records:,} rows: {error}"
            ) from error


def _records(
    xml: Iterable[bytes], site: str, name: str, report: ReadReport
) -> Iterator[RawQuestion | BadRecord]:
    for row in _rows(xml):
        report.records += 1
        post_type = row.get("PostTypeId")
        if post_type is None:
            yield BadRecord(f"{name}, row {report.records}", "PostTypeId is missing")
        elif is_question(post_type):
            columns = {str(column): str(value) for column, value in row.attrib.items()}
            place = f"{name}, row {report.records} (post {columns.get('Id', '?'):.20})"
            yield raw_post(columns, site, place)


def _rows(chunks: Iterable[bytes]) -> Iterator[etree._Element]:
    """Yield the elements ``row``; each is freed when the next one is asked for."""
    parser = etree.XMLPullParser(
        events=("end",), tag="row", resolve_entities=False, no_network=True, huge_tree=True
    )
    for chunk in chunks:
        parser.feed(chunk)
        for _, element in parser.read_events():
            if isinstance(element, etree._Element):  # always; the stubs allow other types
                yield element
                _release(element)
    parser.close()


def _release(element: etree._Element) -> None:
    """Free the element and those before it, which the parser would keep until the end."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
