"""What a site says of its tags, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from include.store.queries import query

USED_WITHIN: Final = timedelta(days=365)
"""Tags of questions that were asked in this time before the newest one are described."""


def tags_to_describe(connection: Connection, site: str, *, stale: datetime, most: int) -> list[str]:
    """
    Return canonical tags in use whose description was never read, or before ``stale``.

    Parameters
    ----------
    connection : Connection
    site : str
    stale : datetime
        Aware.
    most : int
        Tags at most, >= 1; those never read come first, most used first.
    """
    newest = connection.execute(query("newest_question"), {"site": site}).scalar()
    if newest is None:
        return []
    binds = {"site": site, "start": newest - USED_WITHIN, "stale": stale, "most": most}
    return list(connection.execute(query("tags_to_describe"), binds).scalars())


def store_descriptions(
    connection: Connection, site: str, descriptions: Mapping[str, str | None], read_at: datetime
) -> None:
    """Store the description of each tag, None where the site has none; safe to repeat."""
    if not descriptions:
        return
    binds = {
        "site": site,
        "tags": list(descriptions),
        "descriptions": list(descriptions.values()),
        "read_at": read_at,
    }
    connection.execute(query("merge_tag_descriptions"), binds)


def read_descriptions(connection: Connection, site: str) -> dict[str, str]:
    """Return the description of each tag that has one."""
    rows = connection.execute(query("tag_descriptions_of"), {"site": site})
    return {row.tag: row.description for row in rows}


def descriptions_read_at(connection: Connection, site: str) -> datetime | None:
    """Return when descriptions were last written, None if never; cheap enough to poll."""
    found: datetime | None = connection.execute(
        query("tag_descriptions_read_at"), {"site": site}
    ).scalar()
    return found
