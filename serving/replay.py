"""Send the rows that PostgreSQL refused again: ``python -m serving.replay``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from include.errors import RetryLaterError, TagkeeperError
from include.settings import Settings
from include.store.deadlines import Deadlines
from include.store.engine import make_engine
from serving.row_store import RowStore, Stored, description
from serving.set_aside import SetAside

TIMEOUT_S: Final = 60.0


def replay(spool_folder: Path, database_url: str) -> Stored:
    """
    Store the refused rows; those refused again stay. Safe to run twice, and beside the service.

    Raises
    ------
    RetryLaterError
        If PostgreSQL is unavailable; then all of them stay.
    """
    set_aside = SetAside(spool_folder)
    database = Deadlines(partial(make_engine, database_url, pool_size=1), timeout_s=TIMEOUT_S)
    try:
        with set_aside.taken() as lines:
            stored = RowStore(database).store(lines) if lines else Stored(0, [])
            if stored.refused:
                set_aside.add_refused([refused.line for refused in stored.refused])
    except SQLAlchemyError as error:
        raise RetryLaterError(
            f"PostgreSQL cannot store now, the refused rows stay: {description(error)}"
        ) from None
    finally:
        database.dispose()
    return stored


def main() -> int:
    """Replay the rows below ``LOCAL_DIR``; return 0 if all were stored, 1 if some were refused."""
    try:
        settings = Settings.from_env()
        stored = replay(settings.local_dir / "spool", settings.require_database_url())
    except TagkeeperError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{stored.rows} rows stored, {len(stored.refused)} refused again\n")
    for reason in sorted({refused.reason for refused in stored.refused}):
        sys.stdout.write(f"  {reason}\n")
    return 1 if stored.refused else 0


if __name__ == "__main__":
    sys.exit(main())
