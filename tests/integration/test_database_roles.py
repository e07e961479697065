"""sql/roles.sh, by which docker-compose's PostgreSQL makes a role and a database per application."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from include import names
from include.local_stack import postgres
from include.store.dump import drop_tables, dump_database, restore_database
from include.store.engine import make_engine
from include.store.migrations import MIGRATIONS, migrate
from tests.conftest import ROOT
from tests.servers import administer, shared_server, start_postgres

pytestmark = pytest.mark.integration

DATABASES = (names.DATABASE_PLATFORM, names.DATABASE_AIRFLOW, names.DATABASE_MLFLOW)
ODD_PASSWORD = """it's "odd" $HOME \\ pass"""


@pytest.fixture(scope="module")
def server(run_folder: Path) -> str:
    """A server of its own, as roles belong to a whole one; the script has run, passwords count."""
    url = make_url(shared_server(run_folder, "postgres_roles", start_postgres))
    programs = postgres.binaries()
    subprocess.run(
        ["sh", str(ROOT / "sql" / "roles.sh")],
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": str(url.query["host"]),
            "POSTGRES_USER": str(url.username),
            **{f"{name.upper()}_DB_PASSWORD": ODD_PASSWORD for name in DATABASES},
        },
        check=True,
    )
    rules = run_folder / "postgres_roles" / "data" / "pg_hba.conf"
    rules.write_text(f"local all {','.join(DATABASES)} scram-sha-256\n{rules.read_text()}")
    administer(str(url), "SELECT pg_reload_conf()")
    return str(url)


def address(server: str, role: str, database: str) -> str:
    url = make_url(server).set(
        drivername="postgresql+psycopg2", username=role, password=ODD_PASSWORD, database=database
    )
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize("role", DATABASES)
def test_role_owns_its_database_and_is_no_superuser(server, role):
    engine = create_engine(address(server, role, role))
    with engine.connect() as connection:
        rights = connection.execute(
            text(
                "SELECT pg_get_userbyid(datdba), rolsuper, rolcreatedb, rolcreaterole "
                "FROM pg_database, pg_roles WHERE datname = current_database() "
                "AND rolname = current_user"
            )
        ).one()
    engine.dispose()

    assert tuple(rights) == (role, False, False, False)


@pytest.mark.parametrize("role", DATABASES)
def test_role_cannot_connect_to_the_databases_of_others(server, role):
    for database in set(DATABASES) - {role}:
        engine = create_engine(address(server, role, database))
        with pytest.raises(OperationalError, match="permission denied for database"):
            engine.connect()


def test_platforms_role_migrates_dumps_and_restores_its_database(server, tmp_path):
    url = address(server, names.DATABASE_PLATFORM, names.DATABASE_PLATFORM)
    engine = make_engine(url)
    applied = migrate(engine)
    engine.dispose()
    dump_database(url, tmp_path / "dump")
    drop_tables(url)
    restore_database(url, tmp_path / "dump")
    again = make_engine(url)

    assert len(applied) == len(list(MIGRATIONS.glob("*.sql")))
    assert migrate(again) == []
    again.dispose()
