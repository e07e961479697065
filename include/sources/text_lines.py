"""Lines of a text file, gzipped or not, in any Unicode encoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from include.errors import FixInputError
from include.sources.byte_chunks import read_chunks
from include.sources.encodings import decoded_chunks
from include.sources.read_report import Repair

MAX_LINE_LENGTH: Final = 1 << 26
"""Characters; a longer line is no line, and would fill the memory."""


def read_lines(path: Path, repairs: Counter[Repair]) -> Iterator[str]:
    r"""
    Yield the lines of a file with their ends: ``\n``, ``\r\n`` or ``\r``, all as ``\n``.

    Raises
    ------
    FixInputError
        If the file cannot be read to its end, or a line is longer than `MAX_LINE_LENGTH`.
    """
    with closing(read_chunks(path)) as chunks:
        yield from _lines(decoded_chunks(chunks, repairs, path.name), path.name)


def _lines(texts: Iterable[str], name: str) -> Iterator[str]:
    number, rest, length = 1, [""], 0
    for text in _unified_ends(texts):
        first, *others = text.split("\n")
        rest.append(first)
        length += len(first)
        if length > MAX_LINE_LENGTH:
            raise FixInputError(
                f"{name}, line {number}: longer than {MAX_LINE_LENGTH:,} characters"
            )
        if not others:
            continue
        yield "".join(rest) + "\n"
        for line in others[:-1]:
            yield line + "\n"
        number += len(others)
        rest, length = [others[-1]], len(others[-1])
    if length:
        yield "".join(rest)


def _unified_ends(texts: Iterable[str]) -> Iterator[str]:
    r"""Yield the texts with ``\r\n`` and ``\r`` as ``\n``, also where an end is cut in two."""
    held = ""
    for text in texts:
        text = held + text
        held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        yield text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if held:
        yield "\n"
