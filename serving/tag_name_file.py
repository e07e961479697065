"""
The names and descriptions of tags on this machine's disk.

They stay known while PostgreSQL does not answer, also after a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from include.tag_names import TagNames
from serving.mapping_file import MappingFile

log = logging.getLogger(__name__)


class TagNameFile:
    """
    A file of canonical names.

    Parameters
    ----------
    path : Path
        Made at the first write; its folder exists then.
    """

    def __init__(self, path: Path) -> None:
        self._file = MappingFile(path)

    def read(self) -> TagNames:
        """Return the names; none if the file was never written or is damaged."""
        return TagNames(self._file.read())

    def modified_ns(self) -> int:
        """Return when the names were last written, 0 if never; cheap enough to poll."""
        return self._file.modified_ns()

    def write(self, names: TagNames) -> None:
        """Replace the names atomically, unless they are the same. For the leader only."""
        if self._file.write(names.canonical):
            log.info("%d tags have other names or are retired", len(names.canonical))


class DescriptionFile:
    """
    A file of what the site says of its tags.

    Parameters
    ----------
    path : Path
        Made at the first write; its folder exists then.
    """

    def __init__(self, path: Path) -> None:
        self._file = MappingFile(path)

    def read(self) -> dict[str, str]:
        """Return the descriptions; none if the file was never written or is damaged."""
        return {tag: text for tag, text in self._file.read().items() if text}

    def modified_ns(self) -> int:
        """Return when the descriptions were last written, 0 if never; cheap enough to poll."""
        return self._file.modified_ns()

    def write(self, descriptions: Mapping[str, str]) -> None:
        """Replace the descriptions atomically, unless they are the same. For the leader only."""
        if self._file.write(descriptions):
            log.info("%d tags have a description", len(descriptions))
