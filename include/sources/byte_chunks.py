"""Bytes of a file in chunks: as they are, out of gzip, or of one file in a 7z or zip archive."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO, Final

from include.errors import FixInputError
from include.sources.seven_zip import member_names, only_member, read_member

CHUNK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # the second one is empty
_SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c"
READ_ERRORS: Final = (OSError, EOFError, zlib.error, zipfile.BadZipFile)
"""What reading a missing, forbidden, truncated or damaged file raises."""


def read_chunks(path: Path, member: str = "Posts.xml") -> Generator[bytes]:
    """
    Yield the contents of a file; its first bytes, not its name, decide about compression.

    Parameters
    ----------
    path : Path
    member : str
        Name of the file to read if ``path`` is an archive, in any folder of it.

    Raises
    ------
    FixInputError
        If the file cannot be read to its end, or an archive does not contain one such file.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_SEVEN_ZIP))
            file.seek(0)
            if magic == _SEVEN_ZIP:
                yield from read_member(path, member)
            elif magic.startswith(_ZIP):
                yield from _zip_member(file, member, path)
            elif magic.startswith(_GZIP):
                with gzip.open(file) as unzipped:
                    yield from _chunks(unzipped.read)
            else:
                yield from _chunks(file.read)
    except READ_ERRORS as error:
        raise FixInputError(f"cannot read {path}: {error or type(error).__name__}") from error


def has_member(path: Path, member: str) -> bool:
    """
    Return whether ``path`` is a 7z or zip archive with a file called ``member`` in any folder.

    Raises
    ------
    FixInputError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_SEVEN_ZIP))
            if magic == _SEVEN_ZIP:
                names = member_names(path)
            elif magic.startswith(_ZIP):
                with zipfile.ZipFile(file) as archive:
                    names = archive.namelist()
            else:
                return False
    except READ_ERRORS as error:
        raise FixInputError(f"cannot read {path}: {error or type(error).__name__}") from error
    return any(name.rsplit("/", 1)[-1] == member for name in names)


def find_dump_table(posts: Path, member: str) -> Path | None:
    """
    Return where another table of a dump is; None if it is not there.

    That is the archive itself, as of all sites but Stack Overflow, or a file beside it with the
    table's name in place of ``Posts`` in its own: ``Tags.xml``, ``stackoverflow.com-Tags.7z``.

    Parameters
    ----------
    posts : Path
        ``Posts.xml``, or the archive with it.
    member : str
        The table's file, as ``Tags.xml``.

    Raises
    ------
    FixInputError
        If the file cannot be read.
    """
    if has_member(posts, member):
        return posts
    table = member.removesuffix(".xml")
    beside = posts.with_name(table.join(posts.name.rsplit("Posts", 1)))
    return beside if beside != posts and beside.is_file() else None


def _chunks(read: Callable[[int], bytes]) -> Generator[bytes]:
    while chunk := read(CHUNK):
        yield chunk


def _zip_member(file: BinaryIO, member: str, path: Path) -> Generator[bytes]:
    try:
        with (
            zipfile.ZipFile(file) as archive,
            archive.open(only_member(archive.namelist(), member)) as content,
        ):
            yield from _chunks(content.read)
    except (RuntimeError, NotImplementedError) as error:  # a password, an unknown method
        raise FixInputError(f"cannot read {member} in {path}: {error}") from error
