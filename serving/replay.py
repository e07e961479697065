"""Send the rows that PostgreSQL refused again: ``tagkeeper predictions replay``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from include.errors import RetryLaterError
from include.store.deadlines import Deadlines
from include.store.engine import make_engine
from include.store.errors import description
from serving.row_store import RowStore, Stored
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
