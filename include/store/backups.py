"""The table of finished backups."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from include.store.queries import query


@dataclass(frozen=True, slots=True)
class FinishedBackup:
    """
    A backup that can be restored.

    Parameters
    ----------
    backup_id : str
    started_at, finished_at : datetime
        Aware, UTC.
    place : str
        Its folder.
    bytes : int
        Of everything in it.
    new_bytes : int
        Written by it: files that an earlier backup has are not written again.
    file_count : int
    """

    backup_id: str
    started_at: datetime
    finished_at: datetime
    place: str
    bytes: int
    new_bytes: int
    file_count: int


def record_backup(connection: Connection, backup: FinishedBackup) -> None:
    """Record a finished backup."""
    connection.execute(query("record_backup"), asdict(backup))
