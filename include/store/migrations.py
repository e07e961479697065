"""
Schema migrations: numbered files, each applied once, in order.

``tagkeeper migrate`` migrates the database of ``DATABASE_URL``.
"""

import hashlib
import logging
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from include import names
from include.errors import CheckFailedError, FixSettingsError, RetryLaterError
from include.store.engine import MISSING_RIGHTS, explain

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parents[2] / "sql" / "migrations"


def migrate(engine: Engine, folder: Path = MIGRATIONS) -> list[str]:
    """
    Apply the pending migrations and return their names.

    All of them run in one transaction under an advisory lock, so two processes may call it at
    once and a failure leaves the schema as it was.

    Raises
    ------
    CheckFailedError
        If an applied migration was changed afterwards.
    FixSettingsError
        If the user of the database may not create tables.
    RetryLaterError
        If the server does not answer.
    """
    try:
        return _migrate(engine, folder)
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) not in MISSING_RIGHTS:
            raise
        raise FixSettingsError(explain(error)) from error
    except OperationalError as error:
        raise RetryLaterError(explain(error)) from error


def _migrate(engine: Engine, folder: Path) -> list[str]:
    applied_now = []
    with engine.begin() as connection:
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:key)"), {"key": names.LOCK_MIGRATIONS}
        )
        connection.execute(
            text(
                "CREATE TABLE IF NOT EXISTS schema_migrations ("
                "name text PRIMARY KEY, sha256 text NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT now())"
            )
        )
        rows = connection.execute(text("SELECT name, sha256 FROM schema_migrations"))
        applied_hashes = {row.name: row.sha256 for row in rows}
        for path in sorted(folder.glob("[0-9]*.sql")):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if path.stem in applied_hashes:
                if applied_hashes[path.stem] != digest:
                    raise CheckFailedError(
                        f"migration {path.stem} was changed after it was applied: restore it and "
                        "put the change into a new migration"
                    )
                continue
            # no_parameters: a percent sign in a migration is literal, not a bind
            connection.exec_driver_sql(
                content.decode("utf-8"), execution_options={"no_parameters": True}
            )
            connection.execute(
                text("INSERT INTO schema_migrations (name, sha256) VALUES (:name, :sha256)"),
                {"name": path.stem, "sha256": digest},
            )
            log.info("applied migration %s", path.stem)
            applied_now.append(path.stem)
    return applied_now
