"""The factory of SQLAlchemy engines, and what it says of an unsuitable server."""

from __future__ import annotations

import os
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from include.addresses import without_login
from include.errors import FixSettingsError
from include.store.errors import forget_data

DRIVER: Final = "postgresql+psycopg2"
EXAMPLE: Final = "postgresql://user:password@host:5432/tagkeeper"
CONNECT_TIMEOUT_S: Final = 10
"""Longest time to make a connection, in whole seconds."""
MISSING_RIGHTS: Final = frozenset({"42501", "3F000"})
"""SQLSTATE: insufficient privilege; no schema that the user may use."""
_KEEP_ALIVE: Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server whose machine vanished is noticed after a minute; the system's default is two hours."""
_process_engines: Final[dict[str, Engine]] = {}
"""Engines of this process by the address as it was given."""
_SAME_ADDRESS: Final = frozenset({"postgres", "postgresql", DRIVER, "postgresql+psycopg"})


def process_engine(database_url: str) -> Engine:
    """
    Return this process' engine for a database, which every entry point of a job shares.

    It is made at the first call. A forked child makes its own: two processes that speak on one
    connection would read each other's answers.

    Parameters
    ----------
    database_url : str
        As `database_address` takes it.

    Raises
    ------
    FixSettingsError
        As from `make_engine`.
    """
    if database_url not in _process_engines:
        # Of two threads' engines one stays; the other has not connected yet
        return _process_engines.setdefault(database_url, make_engine(database_url))
    return _process_engines[database_url]


def make_engine(database_url: str, *, pool_size: int = 5) -> Engine:
    """
    Return an engine for the platform's PostgreSQL database.

    Its connections work through PgBouncer in transaction mode: the encoding and the time zone,
    which are set when a connection is made, are among the parameters that it keeps per client.

    Parameters
    ----------
    database_url : str
        As `database_address` takes it.
    pool_size : int, default=5
        Connections kept open, >= 1.

    Raises
    ------
    FixSettingsError
        If the address is wrong; from the first connection if the database's encoding is not UTF-8.
    """
    engine = create_engine(
        database_address(database_url),
        pool_size=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # rows are in no message
        # Not the encoding of the user's environment (PGCLIENTENCODING) or of the server
        connect_args={
            "client_encoding": "utf8",
            "connect_timeout": CONNECT_TIMEOUT_S,
            **_KEEP_ALIVE,
        },
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "handle_error", forget_data)
    return engine


def database_address(database_url: str) -> URL:
    """
    Return the address of a PostgreSQL database with the driver that the platform uses.

    Parameters
    ----------
    database_url : str
        ``postgresql://...``, ``postgres://...`` or with the driver ``psycopg2`` or ``psycopg``.

    Raises
    ------
    FixSettingsError
        If it is in quotes, no address, of another kind of server, or names no database.
    """
    stripped = database_url.strip()
    if stripped[:1] in {'"', "'"} or stripped[-1:] in {'"', "'"}:
        raise FixSettingsError(f"DATABASE_URL is in quotes: set it to {EXAMPLE} without them")
    try:
        url = make_url(stripped)
    except (ArgumentError, ValueError):
        raise FixSettingsError(f"DATABASE_URL is no address: it must look like {EXAMPLE}") from None
    if url.drivername not in _SAME_ADDRESS:
        raise FixSettingsError(
            f"DATABASE_URL begins with {url.drivername}://, but the platform needs PostgreSQL with "
            f"the driver psycopg2: it must look like {EXAMPLE}"
        )
    if not url.database:
        raise FixSettingsError(f"DATABASE_URL names no database: it must look like {EXAMPLE}")
    return url.set(drivername=DRIVER)


def explain(error: SQLAlchemyError) -> str:
    """
    Return one sentence for people on an error of the database, with what to do.

    Parameters
    ----------
    error : SQLAlchemyError
        With the driver's error as ``orig``, if it comes from the server.
    """
    original = getattr(error, "orig", None)
    detail = without_login(" ".join(str(original or error).split()))
    code = getattr(original, "pgcode", None)
    if code in MISSING_RIGHTS:
        return (
            f"the user of DATABASE_URL may not do this ({detail}): as the database's owner, run "
            "GRANT USAGE, CREATE ON SCHEMA public TO that user"
        )
    if code is None and original is not None:  # the server did not answer, or refused the login
        return f"PostgreSQL does not accept a connection ({detail}): check DATABASE_URL"
    return f"PostgreSQL refused a statement ({detail})"


def _set_up(connection: Any, _record: Any) -> None:
    """Set up a new connection of the driver; FixSettingsError if its database is unsuitable."""
    encoding = connection.get_parameter_status("server_encoding")
    if encoding not in {None, "UTF8"}:
        raise FixSettingsError(
            f"the database of DATABASE_URL has the encoding {encoding}, which cannot store every "
            "question: create one with CREATE DATABASE tagkeeper ENCODING 'UTF8' TEMPLATE template0"
        )
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def _forget_process_engines() -> None:
    """Leave the parent's connections to the parent, without closing them, after a fork."""
    for engine in _process_engines.values():
        engine.dispose(close=False)
    _process_engines.clear()


os.register_at_fork(after_in_child=_forget_process_engines)
