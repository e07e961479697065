"""Streams one file of a 7z archive in chunks, without unpacking it to disk or memory."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from queue import Queue
from typing import Final

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from include.errors import FixInputError

_QUEUE_SIZE: Final = 8
_END: Final = b""


def only_member(members: Sequence[str], name: str) -> str:
    """
    Return the member called ``name`` in any folder.

    Raises
    ------
    FileNotFoundError
        If there is none, or more than one; the message says what there is instead.
    """
    found = [member for member in members if member.rsplit("/", 1)[-1] == name]
    if len(found) == 1:
        return found[0]
    listed = ", ".join((found or members)[:5]) or "nothing"
    if found:
        raise FileNotFoundError(
            f"the archive contains more than one {name} ({listed}): unpack it, import each"
        )
    raise FileNotFoundError(f"the archive contains no {name}; it contains {listed}")


class _ReaderClosedError(Exception):
    """The reader has stopped."""


class _Pipe(Py7zIO):
    """A pipe: py7zr writes into it from its thread, the reader takes chunks from its queue."""

    def __init__(self) -> None:
        self.chunks: Queue[bytes] = Queue(_QUEUE_SIZE)
        self.closed = False
        self._written = 0

    def write(self, s: bytes | bytearray) -> int:
        if self.closed:
            raise _ReaderClosedError
        if s:
            self.chunks.put(bytes(s))
        self._written += len(s)
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def size(self) -> int:
        return self._written


class _PipeFactory(WriterFactory):
    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe

    def create(self, filename: str) -> Py7zIO:
        return self._pipe


def member_names(path: Path) -> list[str]:
    """Return the names of an archive's files, with folders; FixInputError if it is broken."""
    try:
        with py7zr.SevenZipFile(path) as archive:
            return list(archive.getnames())
    except Exception as error:  # py7zr raises errors of many kinds for damage
        raise FixInputError(f"cannot read {path}: {error or type(error).__name__}") from error


def read_member(path: Path, name: str) -> Generator[bytes]:
    """
    Yield the contents of the file called ``name``, in any folder of the archive.

    Raises
    ------
    FixInputError
        If the archive is missing or broken, or contains no such file.
    """
    pipe = _Pipe()
    failures: list[BaseException] = []
    worker = threading.Thread(
        target=_unpack, args=(path, name, pipe, failures), name="unpack-7z", daemon=True
    )
    worker.start()
    try:
        while chunk := pipe.chunks.get():
            yield chunk
    finally:
        pipe.closed = True
        while worker.is_alive():  # it may wait for space in the queue
            while not pipe.chunks.empty():
                pipe.chunks.get()
            worker.join(timeout=0.01)
    if failures:
        raise FixInputError(f"cannot read {name} in {path}: {failures[0]}") from failures[0]


def _unpack(path: Path, name: str, pipe: _Pipe, failures: list[BaseException]) -> None:
    try:
        with py7zr.SevenZipFile(path) as archive:
            member = only_member(archive.getnames(), name)
            archive.extract(targets=[member], factory=_PipeFactory(pipe))
    except _ReaderClosedError:
        return
    except Exception as error:  # any error is raised again in the reader's thread
        failures.append(error)
    pipe.chunks.put(_END)
