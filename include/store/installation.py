"""The identity of this installation."""

from uuid import UUID

from sqlalchemy import Connection

from include.store.queries import query


def installation_id(connection: Connection) -> UUID:
    """Return the random id that the first migration of this database's installation made."""
    found: UUID = connection.execute(query("installation_id")).scalar_one()
    return found
