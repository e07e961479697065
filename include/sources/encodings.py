"""The character encoding of a source, by its first bytes; and bytes that are not text in it."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from include.errors import FixInputError
from include.sources.fields import UNDECODABLE
from include.sources.read_report import Repair

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # starts with the mark of UTF-16, so comes before it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED: Final = re.compile(
    rb"""\A\s*(?:<!--.*?-->\s*)*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.-]{1,40})["']""",
    re.DOTALL,
)
_ALLOWED: Final = {
    *("utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso8859-1", "iso8859-15"),
    *("cp1252", "cp1251", "koi8-r", "shift_jis", "euc_jp", "gb18030", "gbk", "gb2312", "big5"),
}
_ESCAPED: Final = re.compile("[\udc80-\udcff]+")


def decoded_chunks(chunks: Iterable[bytes], repairs: Counter[Repair], name: str) -> Iterator[str]:
    """
    Yield the text of chunks of bytes, without a byte-order mark.

    The encoding is the one of the byte-order mark, else the one that an XML declaration names, else
    UTF-8. Each run of bytes that is no text in it becomes `UNDECODABLE`, so that only a question
    that contains it is refused, and not a file because of an answer.

    Parameters
    ----------
    chunks : iterable of bytes
    repairs : Counter of Repair
    name : str
        Of the file, for messages.

    Raises
    ------
    FixInputError
        If an XML declaration names an unknown encoding.
    """
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= 1_000:
            break
    encoding, mark = sniff_encoding(head, name)
    repairs[Repair.BYTE_ORDER_MARK] += bool(mark)
    repairs[Repair.ENCODING] += encoding != "utf-8"
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    yield _marked(decoder.decode(head[mark:]))
    for chunk in source:
        yield _marked(decoder.decode(chunk))
    yield _marked(decoder.decode(b"", final=True))


def sniff_encoding(head: bytes, name: str) -> tuple[str, int]:
    r"""
    Return the encoding of a file that starts with ``head``, and the length of its byte-order mark.

    Raises
    ------
    FixInputError
        If an XML declaration names an unknown encoding.

    Examples
    --------
    >>> sniff_encoding(b"\xff\xfe<\x00", "q.xml"), sniff_encoding(b"{}", "q.jsonl")
    (('utf-16-le', 2), ('utf-8', 0))
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    if len(head) >= 2 and 0 in head[:2]:  # no text of a question starts with NUL
        return ("utf-16-be" if head[0] == 0 else "utf-16-le"), 0
    declared = _DECLARED.match(head)
    if declared is None:
        return "utf-8", 0
    written = declared[1].decode("ascii")
    try:
        encoding = codecs.lookup(written).name
    except LookupError:
        encoding = ""
    if encoding not in _ALLOWED:
        raise FixInputError(f"{name}: encoding {written} is not supported: convert it to UTF-8")
    # What is read as ASCII up to here is not UTF-16, whatever it declares.
    return ("utf-8" if encoding.startswith(("utf", "ascii")) else encoding), 0


def _marked(text: str) -> str:
    """Return text with each run of bytes that could not be decoded as one `UNDECODABLE`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ESCAPED.sub(UNDECODABLE, text)
    return text
