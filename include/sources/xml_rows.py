"""The rows of a table in a data dump: one XML file, alone or in an archive, streamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from lxml import etree

from include.errors import FixInputError
from include.sources.byte_chunks import read_chunks
from include.sources.encodings import decoded_chunks
from include.sources.read_report import Repair
from include.sources.xml_repair import repaired_xml


def xml_rows(path: Path, member: str, repairs: Counter[Repair]) -> Iterator[etree._Element]:
    """
    Yield the elements ``row``; each is freed when the next one is asked for.

    Parameters
    ----------
    path : Path
        The file, gzipped or not, or a 7z or zip archive that contains it.
    member : str
        Its name in an archive.
    repairs : Counter of Repair
        Counts what is repaired.

    Raises
    ------
    FixInputError
        If the file is missing or broken, or an archive does not contain one such file.
    """
    number = 0
    with closing(read_chunks(path, member)) as chunks:
        texts = decoded_chunks(chunks, repairs, path.name)
        try:
            for row in _rows(repaired_xml(texts, repairs, path.name)):
                number += 1
                yield row
        except etree.XMLSyntaxError as error:
            raise FixInputError(f"cannot read {path} after {number:,} rows: {error}") from error


def _rows(chunks: Iterable[bytes]) -> Iterator[etree._Element]:
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
