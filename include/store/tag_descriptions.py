"""What a site says of its tags, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from include.store.queries import query

USED_WITHIN: Final = timedelta(days=365)
"""Tags of questions that were asked in this time before the newest one are described."""

_BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class MergedDescriptions:
    """
    What became of a reading, in tags; those that say what they said before are in none of them.

    Parameters
    ----------
    added : int
        Had no description.
    changed : int
        Had another one.
    removed : int
        Had one, and have none according to the reading.
    kept : int
        Were read later than that, so that the reading does not count.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    kept: int = 0

    def __add__(self, other: MergedDescriptions) -> MergedDescriptions:
        """Return the sum of two parts of a reading."""
        return MergedDescriptions(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.kept + other.kept,
        )


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
) -> MergedDescriptions:
    """
    Store what a reading says of tags; a description that was read later stays.

    The same call again leaves the same rows.

    Parameters
    ----------
    connection : Connection
        In a transaction; one site's descriptions are written by one transaction at a time, so that
        whoever polls `descriptions_written_at` misses none.
    site : str
    descriptions : mapping of str to (str or None)
        By tag; None where the site has none.
    read_at : datetime
        When the site said so, aware.
    """
    merged, tags = MergedDescriptions(), list(descriptions)
    connection.execute(query("lock_tag_descriptions"), {"site": site})
    for first in range(0, len(tags), _BATCH):
        part = tags[first : first + _BATCH]
        binds = {
            "site": site,
            "tags": part,
            "descriptions": [descriptions[tag] for tag in part],
            "read_at": read_at,
        }
        row = connection.execute(query("merge_tag_descriptions"), binds).one()
        merged += MergedDescriptions(**row._mapping)
    return merged


def tags_not_borne(connection: Connection, site: str, tags: Collection[str]) -> list[str]:
    """Return those of ``tags`` that no stored question bears, by canonical names; in order."""
    binds = {"site": site, "tags": list(tags)}
    return list(connection.execute(query("tags_not_borne"), binds).scalars())


def read_descriptions(connection: Connection, site: str) -> dict[str, str]:
    """Return the description of each tag that has one."""
    rows = connection.execute(query("tag_descriptions_of"), {"site": site})
    return {row.tag: row.description for row in rows}


def descriptions_written_at(connection: Connection, site: str) -> datetime | None:
    """Return when a description last changed, None if there is none; cheap enough to poll."""
    found: datetime | None = connection.execute(
        query("tag_descriptions_written_at"), {"site": site}
    ).scalar()
    return found
