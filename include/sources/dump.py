"""
Questions from a data dump: ``Posts.xml``, or the 7z archive that contains it.

The file is streamed, so memory does not grow with its size. Questions come in the order of the
file, which is not the order of their ids.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from lxml import etree

from include.errors import FixInputError
from include.questions import Question
from include.sources.post_rows import QUESTION_TYPE, read_post
from include.sources.seven_zip import read_member

_CHUNK: Final = 1 << 20
_MEMBER: Final = "Posts.xml"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_PREAMBLE: Final = re.compile(rb"\A\s*(?:<!--.*?-->\s*)*", re.DOTALL)


def read_dump(path: Path, site: str) -> Iterator[Question]:
    """
    Yield the questions of ``path``; answers and other posts are skipped.

    Parameters
    ----------
    path : Path
        ``*.xml``, or ``*.7z`` with a ``Posts.xml`` inside.
    site : str
        The API's name of the site, which the dump does not contain.

    Raises
    ------
    FixInputError
        If the file is missing or broken, or a question lacks a column.
    """
    try:
        chunks = read_member(path, _MEMBER) if path.suffix == ".7z" else _read_chunks(path)
        with closing(chunks):
            for row in _rows(_without_preamble(chunks)):
                if row.get("PostTypeId") == QUESTION_TYPE:
                    yield read_post(row, site)
    except (OSError, etree.XMLSyntaxError) as error:
        raise FixInputError(f"cannot read {path}: {error}") from error


def _read_chunks(path: Path) -> Generator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _without_preamble(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Drop what precedes the XML declaration, where XML allows nothing.

    That is a byte-order mark, and in newer dumps a comment, both at the start of the file.
    """
    for number, chunk in enumerate(chunks):
        yield chunk if number else _PREAMBLE.sub(b"", chunk.removeprefix(_BYTE_ORDER_MARK), count=1)


def _rows(chunks: Iterable[bytes]) -> Iterator[dict[str, str]]:
    parser = etree.XMLPullParser(
        events=("end",), tag="row", resolve_entities=False, no_network=True, huge_tree=True
    )
    for chunk in chunks:
        parser.feed(chunk)
        for _, element in parser.read_events():
            if isinstance(element, etree._Element):  # always; the stubs allow other types
                yield {str(name): str(value) for name, value in element.attrib.items()}
                _release(element)
    parser.close()


def _release(element: etree._Element) -> None:
    """Free the element and those before it, which the parser would keep until the end."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
