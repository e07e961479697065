"""Make a backup: the spool, then the databases with the ledger first, then the files."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from include import names
from include.jobs.backup.manifest import (
    OBJECTS,
    PARTIAL,
    Manifest,
    StoredFile,
    delete_old_backups,
    store_file,
    store_folder,
)
from include.jobs.backup.parts import (
    DATABASES,
    SPOOL,
    backup_place,
    databases,
    exclusive,
    folders,
)
from include.settings import Settings
from include.store.backups import FinishedBackup, record_backup
from include.store.dump import dump_database
from include.store.engine import process_engine
from include.store.installation import installation_id
from include.store.models import latest_promotion

log = logging.getLogger(__name__)


def back_up(settings: Settings) -> FinishedBackup:
    """
    Make a backup, delete those that are not kept any more, and record it.

    The order makes a consistent whole of parts that go on changing. The spool comes first: a
    prediction that is in it is in the backup; one that has left it is in the database, which is
    dumped later. The ledger comes before the registry, and the registry before its files, which
    are written before they are registered. What is in both spool and database is stored once when
    the spool drains.

    Returns
    -------
    FinishedBackup

    Raises
    ------
    FixSettingsError
        If a database is not PostgreSQL, or its programs are missing or too old.
    RetryLaterError
        If another backup runs.
    CheckFailedError
        If a dump fails.
    """
    place, started = backup_place(settings), datetime.now(UTC)
    with exclusive(place):
        backup_id = f"{started:%Y-%m-%dT%H-%M-%S}Z"
        for stale in place.glob(f"{PARTIAL}*"):  # of a process that was killed
            shutil.rmtree(stale)
        for stale in place.glob(f"{OBJECTS}/.draft-*"):
            stale.unlink()
        partial = place / f"{PARTIAL}{backup_id}"
        partial.mkdir(mode=0o700)
        (place / OBJECTS).mkdir(mode=0o700, exist_ok=True)
        manifest, new_bytes = _fill(settings, backup_id, place, partial)
        manifest.write(partial)
        partial.rename(place / backup_id)
        deleted = delete_old_backups(place, settings.backups_kept)
    done = FinishedBackup(
        backup_id=backup_id,
        started_at=started,
        finished_at=datetime.now(UTC),
        place=str((place / backup_id).absolute()),
        bytes=sum(file.size for file in manifest.files),
        new_bytes=new_bytes,
        file_count=len(manifest.files),
    )
    with process_engine(settings.require_database_url()).begin() as connection:
        record_backup(connection, done)
    log.info("%s; deleted: %s", done, ", ".join(deleted) or "none")
    return done


def _fill(settings: Settings, backup_id: str, place: Path, partial: Path) -> tuple[Manifest, int]:
    """Store all parts, in their order; return the manifest, and the bytes that were new."""
    stored: list[tuple[StoredFile, bool]] = []
    with process_engine(settings.require_database_url()).connect() as connection:
        installation = str(installation_id(connection))
        promotion = latest_promotion(connection, names.CHAMPION)
    others = folders(settings)
    stored += store_folder(place, SPOOL, others.pop(SPOOL))
    for name, url in databases(settings).items():
        dump = partial / name
        dump_database(url, dump, settings.postgres_programs)
        stored.append(store_file(place, DATABASES, dump, name))
        dump.unlink()
    for part, folder in others.items():
        stored += store_folder(place, part, folder)
    manifest = Manifest(
        backup_id=backup_id,
        version=version(names.PROJECT),
        installation_id=installation,
        promotion_id=promotion.promotion_id if promotion else None,
        files=[file for file, _ in stored],
    )
    return manifest, sum(file.size for file, new in stored if new)
