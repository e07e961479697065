"""What a backup holds: a manifest beside its files, each named by the hash of its content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from include.errors import CheckFailedError, FixInputError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
OBJECTS: Final = "objects"
PARTIAL: Final = ".partial-"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """
    A file of a backup.

    Parameters
    ----------
    part : str
        ``databases``, ``spool``, ``artifacts`` or ``reports``.
    path : str
        Relative to the part's folder; for a database its name in `create`.
    sha256 : str
    size : int
        Bytes.
    """

    part: str
    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    A backup's contents.

    Parameters
    ----------
    backup_id : str
    version : str
        Of the platform.
    installation_id : str
    promotion_id : int or None
        The last row of the ledger about the champion.
    files : sequence of StoredFile
    """

    backup_id: str
    version: str
    installation_id: str
    promotion_id: int | None
    files: Sequence[StoredFile]

    def of_part(self, part: str) -> list[StoredFile]:
        """Return the files of one part."""
        return [file for file in self.files if file.part == part]

    def write(self, folder: Path) -> None:
        """Write it into a backup's folder, to the disk."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        with (folder / MANIFEST).open("x", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())


def read_manifest(folder: Path) -> Manifest:
    """
    Return the manifest of a backup's folder.

    Raises
    ------
    FixInputError
        If the folder is no finished backup, or was written by a newer version.
    """
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise FixInputError(f"{folder} was made by another version: restore it with that one")
        files = [StoredFile(**file) for file in values.pop("files")]
        return Manifest(**values, files=files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, FixInputError):
            raise
        raise FixInputError(f"{folder} is no finished backup: {type(error).__name__}") from None


def finished_backups(place: Path) -> list[Path]:
    """Return the folders of finished backups, oldest first."""
    return sorted(path.parent for path in place.glob(f"[0-9]*/{MANIFEST}"))


def object_path(place: Path, sha256: str) -> Path:
    """Return where the content with this hash is."""
    return place / OBJECTS / sha256[:2] / sha256


def store_folder(place: Path, part: str, folder: Path) -> Iterator[tuple[StoredFile, bool]]:
    """
    Copy the files below ``folder`` into a backup; yield each, and whether its content was new.

    Links are not followed. A file that vanishes meanwhile is left out: its owner has deleted it.
    """
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_symlink() or not path.is_file():
            continue
        try:
            yield store_file(place, part, path, path.relative_to(folder).as_posix())
        except FileNotFoundError:
            continue


def store_file(place: Path, part: str, source: Path, name: str) -> tuple[StoredFile, bool]:
    """
    Copy one file into a backup under the hash of what was copied; return it, and if it was new.

    The hash is taken while copying, so that a file that grows meanwhile fits its hash all the same.
    """
    draft = place / OBJECTS / f".draft-{uuid.uuid4().hex}"
    digest, size = hashlib.sha256(), 0
    try:
        with source.open("rb") as read, draft.open("xb") as write:
            while block := read.read(1 << 20):
                digest.update(block)
                size += len(block)
                write.write(block)
            write.flush()
            os.fsync(write.fileno())
        target = object_path(place, digest.hexdigest())
        new = not target.exists()
        if new:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return StoredFile(part, name, digest.hexdigest(), size), new


def verify(place: Path, manifest: Manifest) -> None:
    """
    Read every file of a backup and compare its hash.

    Raises
    ------
    CheckFailedError
        If one is missing or damaged; the message names it.
    """
    for file in manifest.files:
        path = object_path(place, file.sha256)
        if not path.is_file():
            raise CheckFailedError(f"the backup's file {file.part}/{file.path} is missing: {path}")
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                raise CheckFailedError(
                    f"the backup's file {file.part}/{file.path} is damaged: {path}. Restore "
                    "another backup"
                )


def delete_old_backups(place: Path, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` backups and what no other needs; return their names."""
    finished = finished_backups(place)
    old = finished[: max(len(finished) - keep, 0)]
    for folder in old:
        shutil.rmtree(folder)
    needed = {
        file.sha256 for folder in finished_backups(place) for file in read_manifest(folder).files
    }
    for path in (place / OBJECTS).glob("??/*"):
        if path.name not in needed:
            path.unlink()
    return [folder.name for folder in old]
