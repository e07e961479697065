r"""
The spool's format: records that show by themselves whether they are whole.

A record is ``\n``, the length and the CRC-32 of the rest as eight hexadecimal digits each, one
letter for the kind of row, and the row. Rows contain no line ends. As a record begins with its line
end, one that a crash has cut never joins the next.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

_HEAD: Final = re.compile(rb"([0-9a-f]{8}) ([0-9a-f]{8}) ")
_HEAD_BYTES: Final = 18
_LINE_END: Final = b"\n"

Line = tuple[str, bytes]
"""The kind of a row, one ASCII letter, and the row."""


class Contents(NamedTuple):
    """The whole records of a file, in order, and what else it holds."""

    lines: list[Line]
    damaged: list[bytes]


def encoded(kind: str, rows: Sequence[bytes]) -> bytes:
    r"""
    Return ``rows`` as records.

    Examples
    --------
    >>> encoded("p", [b"row"])
    b'\n00000005 e4b39725 p row'
    """
    head = kind.encode("ascii") + b" "
    rests = [head + row for row in rows]
    return b"".join([b"\n%08x %08x %b" % (len(rest), zlib.crc32(rest), rest) for rest in rests])


def decoded(data: bytes) -> Contents:
    """
    Return the whole records in ``data``, and every damaged stretch between them.

    Linear in the size of ``data``. A record with a flipped bit is one damaged stretch, and so is a
    record that was cut; neither costs its neighbours.
    """
    lines: list[Line] = []
    damaged: list[bytes] = []
    position = 0
    while position < len(data):
        if data.startswith(_LINE_END, position):
            position += 1
            continue
        found = _record_at(data, position)
        if found is not None:
            line, position = found
            lines.append(line)
            position += 1  # the next record's line end, which may be damaged itself
        else:
            end = _damaged_end(data, position)
            damaged.append(data[position:end])
            position = end
    return Contents(lines, damaged)


def _record_at(data: bytes, position: int) -> tuple[Line, int] | None:
    """Return the record whose length begins at ``position``, and its end; None if it is damaged."""
    head = _HEAD.match(data, position)
    if head is None:
        return None
    begin = position + _HEAD_BYTES
    rest = data[begin : begin + int(head[1], 16)]
    if len(rest) != int(head[1], 16) or zlib.crc32(rest) != int(head[2], 16):
        return None
    return (rest[:1].decode("ascii", "replace"), rest[2:]), begin + len(rest)


def _damaged_end(data: bytes, position: int) -> int:
    """Return where the damaged record at ``position`` ends: at a line end, or after the file."""
    line_end = data.find(_LINE_END, position)
    if line_end < 0:
        return len(data)
    head = _HEAD.match(data, position)
    if head is not None and _record_at(data, line_end + 1) is None:
        # A flipped bit may have made a line end inside the row; then its length still holds.
        end = position + _HEAD_BYTES + int(head[1], 16)
        if end == len(data) or (end > line_end and data.startswith(_LINE_END, end)):
            return end
    return line_end
