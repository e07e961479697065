"""
The names of tags on this machine's disk: written by the leading worker, read by all.

They stay known while PostgreSQL does not answer, also after a restart.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from include.tag_names import TagNames

log = logging.getLogger(__name__)

_NAMES: Final = msgspec.json.Decoder(dict[str, str | None])


class TagNameFile:
    """
    A file of canonical names.

    Parameters
    ----------
    path : Path
        Made at the first write; its folder exists then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> TagNames:
        """Return the names; none if the file was never written or is damaged."""
        try:
            return TagNames(_NAMES.decode(self._path.read_bytes()))
        except FileNotFoundError:
            return TagNames()
        except msgspec.DecodeError as error:
            log.warning("%s is damaged and will be written again: %s", self._path, error)
            return TagNames()

    def modified_ns(self) -> int:
        """Return when the names were last written, 0 if never; cheap enough to poll."""
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def write(self, names: TagNames) -> None:
        """Replace the names atomically, unless they are the same. For the leader only."""
        if self.modified_ns() and self.read() == names:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(names.canonical))
        temporary.replace(self._path)
        log.info("%d tags have other names or are retired", len(names.canonical))
