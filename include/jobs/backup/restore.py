"""Restore a backup into empty databases and folders, after all of it has been verified."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from include.errors import FixInputError, FixSettingsError
from include.jobs.backup.manifest import (
    Manifest,
    StoredFile,
    finished_backups,
    object_path,
    read_manifest,
    verify,
)
from include.jobs.backup.parts import DATABASES, backup_place, databases, exclusive, folders
from include.settings import Settings
from include.store.dump import drop_tables, has_tables, restore_database


def restore(
    settings: Settings,
    backup_id: str | None = None,
    *,
    replace: bool = False,
    stop_platform: Callable[[], None] = lambda: None,
) -> Manifest:
    """
    Restore a backup; nothing of the platform but PostgreSQL may run meanwhile.

    Nothing is changed before the whole backup has been read and verified. With ``replace``, what
    is in the databases is dropped, and what is in a folder is moved to a folder beside it.

    Parameters
    ----------
    settings : Settings
        The addresses and folders to restore into; ``backup_dir`` holds the backups.
    backup_id : str or None
        The name of its folder; the newest if None.
    replace : bool
        Whether the databases and folders may hold something.
    stop_platform : callable
        Called when everything has been verified and nothing changed yet.

    Raises
    ------
    FixInputError
        If there is no such backup.
    CheckFailedError
        If a file of the backup is missing or damaged.
    FixSettingsError
        If a database of the backup has no address here, or holds something.
    """
    place = backup_place(settings)
    with exclusive(place):
        manifest = read_manifest(_chosen(place, backup_id))
        verify(place, manifest)
        targets, parts = databases(settings), folders(settings)
        _check_targets(manifest, targets, parts, replace=replace)
        stop_platform()
        for dump in manifest.of_part(DATABASES):
            if replace:
                drop_tables(targets[dump.path])
            file = object_path(place, dump.sha256)
            restore_database(targets[dump.path], file, settings.postgres_programs)
        for part, folder in parts.items():
            _restore_folder(place, manifest.backup_id, manifest.of_part(part), folder)
    return manifest


def _chosen(place: Path, backup_id: str | None) -> Path:
    known = {folder.name: folder for folder in finished_backups(place)}
    if not known:
        raise FixInputError(f"{place} holds no backup: set BACKUP_DIR to the folder of the backups")
    chosen = backup_id or max(known)
    if chosen not in known:
        raise FixInputError(f"{place} has no backup {chosen}; it has {', '.join(known)}")
    return known[chosen]


def _check_targets(
    manifest: Manifest, targets: dict[str, str], parts: dict[str, Path], *, replace: bool
) -> None:
    """Check that everything has a place, which is empty unless it may be replaced."""
    variables = {
        "mlflow": "MLFLOW_BACKEND_STORE_URI",
        "airflow": "AIRFLOW_DATABASE_URL",
        "artifacts": "MLFLOW_ARTIFACTS_DESTINATION",
    }
    for file in manifest.files:
        name = file.path if file.part == DATABASES else file.part
        if name not in targets and name not in parts:
            raise FixSettingsError(
                f"the backup holds {name}: set {variables[name]}, where to put it"
            )
    if replace:
        return
    full = [name for name, url in targets.items() if has_tables(url)]
    full += [str(path) for path in parts.values() if path.is_dir() and any(path.iterdir())]
    if full:
        raise FixSettingsError(
            f"not empty: {', '.join(full)}. Restore into new databases and folders, or say that "
            "they may be replaced (--replace)"
        )


def _restore_folder(place: Path, backup_id: str, files: list[StoredFile], folder: Path) -> None:
    """Fill a folder; what was in it is kept beside it."""
    if folder.is_dir() and any(folder.iterdir()):
        aside = folder.with_name(f"{folder.name}.before-{backup_id}")
        aside.mkdir(mode=0o700, exist_ok=True)
        for entry in list(folder.iterdir()):
            entry.rename(aside / entry.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in files:
        target = folder / file.path
        if not target.resolve().is_relative_to(folder.resolve()):
            raise FixInputError(f"the manifest names a file outside its folder: {file.path!r}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(object_path(place, file.sha256), target)
