"""A small mapping on this machine's disk: written by the leading worker, read by all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

log = logging.getLogger(__name__)

_MAPPING: Final = msgspec.json.Decoder(dict[str, str | None])


class MappingFile:
    """
    A file of texts by tag, which stays known while PostgreSQL does not answer.

    Parameters
    ----------
    path : Path
        Made at the first write; its folder exists then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, str | None]:
        """Return the mapping; an empty one if it was never written or is damaged."""
        try:
            return _MAPPING.decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            log.warning("%s is damaged and will be written again: %s", self._path, error)
            return {}

    def modified_ns(self) -> int:
        """Return when the mapping was last written, 0 if never; cheap enough to poll."""
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def write(self, mapping: Mapping[str, str | None]) -> bool:
        """Replace the mapping atomically, unless it is the same; return whether it was not."""
        if self.modified_ns() and self.read() == mapping:
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(mapping))
        temporary.replace(self._path)
        return True
