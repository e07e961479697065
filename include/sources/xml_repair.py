"""Makes the XML of a dump well-formed in the stream, where one bad character refuses all of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from include.errors import FixInputError
from include.sources.read_report import Repair

_PREAMBLE: Final = re.compile(
    r"\A\s*(?:<!--.*?-->\s*)*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*", re.DOTALL
)
_CONTROL: Final = bytes(c for c in range(0x20) if c not in b"\t\n\r") + b"\x7f"
_TO_SPACE: Final = bytes.maketrans(_CONTROL, b" " * len(_CONTROL))
_NONCHARACTER: Final = re.compile(b"\xef\xbf[\xbe\xbf]")
# The references that dumps are full of are left to the parser without a look.
_REFERENCE: Final = re.compile(rb"&#(?!x[AaDd9];|10;|13;|9;)(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
_LONGEST_REFERENCE: Final = 16
_PREAMBLE_LENGTH: Final = 1 << 16


def repaired_xml(texts: Iterable[str], repairs: Counter[Repair], name: str) -> Iterator[bytes]:
    """
    Yield XML in UTF-8 that starts at its root element and has no character that XML forbids.

    Control characters, raw or as references (``&#x0E;``), become spaces, wherever they are: most
    are in answers, which are not read. What precedes the root element is dropped: in newer dumps a
    comment stands before the XML declaration, where XML allows nothing.

    Parameters
    ----------
    texts : iterable of str
        Chunks of the file.
    repairs : Counter of Repair
    name : str
        Of the file, for messages.

    Raises
    ------
    FixInputError
        If there is a document type, which no dump has: its entities can expand without a limit.

    References
    ----------
    .. [1] W3C, Extensible Markup Language (XML) 1.0, production 2 (Char),
       https://www.w3.org/TR/xml/#charsets
    """
    held = b""
    for text in _without_preamble(texts, name):
        data = held + text.encode("utf-8", "replace")
        cut = data.rfind(b"&", -_LONGEST_REFERENCE)
        held = data[cut:] if cut >= 0 and b";" not in data[cut:] else b""
        yield _repaired(data[: len(data) - len(held)], repairs)
    if held:
        yield _repaired(held, repairs)


def _without_preamble(texts: Iterable[str], name: str) -> Iterator[str]:
    source, head = iter(texts), ""
    for text in source:
        head += text
        if len(head) >= _PREAMBLE_LENGTH:
            break
    head = _PREAMBLE.sub("", head, count=1)
    if head.startswith("<!DOCTYPE"):
        raise FixInputError(f"{name} has a document type (DOCTYPE), which no dump has")
    yield head
    yield from source


def _repaired(data: bytes, repairs: Counter[Repair]) -> bytes:
    count = len(data) - len(data.translate(None, _CONTROL))
    if count:
        data = data.translate(_TO_SPACE)
    if b"\xef\xbf" in data:
        data, found = _NONCHARACTER.subn(b" ", data)
        count += found
    if b"&#" in data:
        data, found = _replace_references(data)
        count += found
    repairs[Repair.CONTROL_CHARACTER] += count
    return data


def _replace_references(data: bytes) -> tuple[bytes, int]:
    """Return data with references to forbidden characters as spaces, and their number."""
    count = 0

    def replace(reference: re.Match[bytes]) -> bytes:
        nonlocal count
        digits, base = (reference[1], 16) if reference[1] else (reference[2], 10)
        if _is_allowed(int(digits[-12:], base)):
            return reference[0]
        count += 1
        return b" "

    return _REFERENCE.sub(replace, data), count


def _is_allowed(code: int) -> bool:
    """Return whether XML 1.0 allows the character with this number."""
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )
