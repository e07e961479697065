"""Make the registry's aliases what the ledger says, as after a restored backup."""

from __future__ import annotations

import tempfile
from pathlib import Path

from include import names
from include.errors import CheckFailedError
from include.registry import Registry
from include.settings import Settings
from include.store.engine import process_engine
from include.store.models import Promotion, latest_promotion, lock_promotion


def reconcile(settings: Settings) -> dict[str, str | None]:
    """
    Move every alias to the version of the ledger's last row, if its files are those promoted then.

    A backup's ledger is older than its registry, by the seconds between their dumps: a promotion
    in between is undone. Safe to run again; without a difference nothing changes.

    Returns
    -------
    dict
        For each alias that was moved its version, None if it was removed.

    Raises
    ------
    CheckFailedError
        If the registry does not have the version.
    ModelUnusableError
        If its files cannot be downloaded or are not those that were promoted.
    """
    registry, moved = Registry(settings.require_mlflow_uri()), dict[str, str | None]()
    with process_engine(settings.require_database_url()).begin() as connection:
        lock_promotion(connection)
        for alias in (names.CHAMPION, names.CHALLENGER):
            last, holder = latest_promotion(connection, alias), registry.alias(alias)
            if last is None or last.kind == "withdrawal":
                if holder is not None:
                    registry.remove_alias(alias)
                    moved[alias] = None
                continue
            _check_files(registry, last)
            if holder is None or holder.version != last.to_version:
                registry.set_alias(alias, last.to_version)
                moved[alias] = last.to_version
    return moved


def _check_files(registry: Registry, promotion: Promotion) -> None:
    """Check that the version that the ledger names exists, with the files of its promotion."""
    version = registry.version(promotion.to_version)
    if version is None or version.sha256 != (promotion.artifact_sha256 or version.sha256):
        raise CheckFailedError(
            f"the registry does not have version {promotion.to_version} as the ledger promoted it "
            f"to {promotion.alias}: restore MLflow's database and artifacts of the same backup"
        )
    with tempfile.TemporaryDirectory(prefix="tagkeeper-reconcile-") as folder:
        registry.download(version, Path(folder))
