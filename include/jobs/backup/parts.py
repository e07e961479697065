"""Which databases and folders belong to an installation, as its settings say."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from include.errors import FixSettingsError, RetryLaterError
from include.settings import Settings

APPLICATION: Final = "application"
DATABASES: Final = "databases"
SPOOL: Final = "spool"


def databases(settings: Settings) -> dict[str, str]:
    """
    Return the address of each database, in the order in which they are dumped.

    The ledger is dumped before the registry: a version that the ledger names is in the registry.
    """
    own = {APPLICATION: settings.require_database_url()}
    others = {
        "mlflow": settings.mlflow_backend_store_uri,
        "airflow": settings.airflow_database_url,
    }
    for name, url in others.items():
        if url is None:
            continue
        if not url.get_secret_value().startswith("postgres"):
            raise FixSettingsError(
                f"the database of {name} is not PostgreSQL: back it up by its own means and unset "
                "its address"
            )
        own[name] = url.get_secret_value()
    return own


def folders(settings: Settings) -> dict[str, Path]:
    """
    Return the folder of each part that is not a database.

    MLflow's artifacts are left out if they are in an object store, which has its own versions.
    """
    found = {SPOOL: settings.local_dir / "spool", "reports": settings.local_dir / "evidently"}
    artifacts = settings.mlflow_artifacts_destination
    if artifacts and "://" not in artifacts:
        found["artifacts"] = Path(artifacts)
    return found


def backup_place(settings: Settings) -> Path:
    """Return the folder of all backups."""
    return settings.backup_dir or settings.local_dir / "backups"


@contextmanager
def exclusive(place: Path) -> Iterator[None]:
    """Keep other backups and restores away; RetryLaterError if one runs."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryLaterError(f"another backup or restore runs in {place}") from None
        yield
    finally:
        os.close(lock)
