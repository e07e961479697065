"""One file inside a 7z archive as a stream of chunks, without unpacking it to disk or memory."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path
from queue import Queue
from typing import Final

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from include.errors import FixInputError

_CHUNKS_AHEAD: Final = 8
_END: Final = b""


class _AbandonedError(Exception):
    """The reader wants no more."""


class _Pipe(Py7zIO):
    """py7zr writes into it from its thread; the reader takes chunks out of its queue."""

    def __init__(self) -> None:
        self.chunks: Queue[bytes] = Queue(_CHUNKS_AHEAD)
        self.abandoned = False
        self._written = 0

    def write(self, s: bytes | bytearray) -> int:
        if self.abandoned:
            raise _AbandonedError
        if s:
            self.chunks.put(bytes(s))
        self._written += len(s)
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        """Nothing is held back."""

    def size(self) -> int:
        return self._written


class _ToPipe(WriterFactory):
    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe

    def create(self, filename: str) -> Py7zIO:
        return self._pipe


def read_member(path: Path, name: str) -> Generator[bytes]:
    """
    Yield the contents of the file called ``name``, in whatever folder of the archive it is.

    Raises
    ------
    FixInputError
        If the archive is absent or broken, or holds no such file.
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
        pipe.abandoned = True
        while worker.is_alive():  # it may be waiting for room
            while not pipe.chunks.empty():
                pipe.chunks.get()
            worker.join(timeout=0.01)
    if failures:
        raise FixInputError(f"cannot read {name} in {path}: {failures[0]}") from failures[0]


def _unpack(path: Path, name: str, pipe: _Pipe, failures: list[BaseException]) -> None:
    try:
        with py7zr.SevenZipFile(path) as archive:
            members = [m for m in archive.getnames() if m.rsplit("/", 1)[-1] == name]
            if not members:
                raise FileNotFoundError(f"the archive holds no {name}")
            archive.extract(targets=members[:1], factory=_ToPipe(pipe))
    except _AbandonedError:
        return
    except Exception as error:  # handed over to the reader's thread, whatever it is
        failures.append(error)
    pipe.chunks.put(_END)
