"""What tells whether a month is overdue."""

from datetime import datetime

from sqlalchemy import Connection

from include.store.queries import query


def installed_at(connection: Connection) -> datetime:
    """Return when the platform was installed in this database; aware, UTC."""
    found: datetime = connection.execute(query("installed_at")).scalar_one()
    return found


def month_fetched_at(
    connection: Connection, site: str, start: datetime, end: datetime
) -> datetime | None:
    """Return when the windows in ``[start, end)`` changed last; None if there are none."""
    binds = {"site": site, "start": start, "end": end}
    found: datetime | None = connection.execute(query("month_fetched_at"), binds).scalar_one()
    return found


def month_is_checked(connection: Connection, site: str, start: datetime) -> bool:
    """Return whether the month that starts at ``start`` has a drift report."""
    found = connection.execute(query("month_is_checked"), {"site": site, "start": start})
    return bool(found.scalar_one())
