"""
Synonyms and retired tags in PostgreSQL, and the canonical names that follow from them.

Every reader of tags goes through `read_tag_names`, or in statements through the function
``with_canonical_names``; both read the table ``canonical_tags``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from include.store.queries import query
from include.tag_names import (
    RENAME_QUESTIONS,
    LikelyRename,
    TagNames,
    TagSynonym,
    likely_renames,
    resolve_synonyms,
)

SynonymSource = Literal["api", "file"]


@dataclass(frozen=True, slots=True)
class SynonymPull:
    """
    When a site's synonyms were last read from it.

    Parameters
    ----------
    full_at : datetime
        All of them.
    pulled_at : datetime
        Those that were new then.
    newest_at : datetime or None
        When the newest known one was made on the site.
    """

    full_at: datetime
    pulled_at: datetime
    newest_at: datetime | None


def read_tag_names(connection: Connection, site: str) -> TagNames:
    """Return the canonical names of a site's tags."""
    rows = connection.execute(query("canonical_tags_of"), {"site": site})
    return TagNames({row.tag: row.canonical for row in rows})


def store_synonyms(
    connection: Connection,
    site: str,
    synonyms: Sequence[TagSynonym],
    source: SynonymSource,
    *,
    complete: bool,
) -> bool:
    """
    Store what a source says of tags, and the canonical names; return whether these changed.

    The same call again leaves the same rows.

    Parameters
    ----------
    connection : Connection
        In a transaction; one site's names are written by one transaction at a time.
    site : str
    synonyms : sequence of TagSynonym
        Of two on one tag the later counts. One of itself keeps the tag's name, whatever the other
        source says.
    source : {"api", "file"}
        Where both speak of one tag, the file counts.
    complete : bool
        Whether the source lists no other tag: what it said before of others is deleted.
    """
    latest = {each.from_tag: each for each in synonyms}
    connection.execute(query("lock_tag_names"), {"site": site})
    binds = {"site": site, "source": source, "from_tags": list(latest)}
    if complete:
        connection.execute(query("drop_other_tag_synonyms"), binds)
    if latest:
        connection.execute(
            query("merge_tag_synonyms"),
            binds
            | {
                "to_tags": [each.to_tag for each in latest.values()],
                "created_at": [each.created_at for each in latest.values()],
            },
        )
    return _resolve(connection, site)


def _resolve(connection: Connection, site: str) -> bool:
    """Make the canonical names from the stored synonyms; return whether they changed."""
    known = connection.execute(query("tag_synonyms_of"), {"site": site}).all()
    names = resolve_synonyms(
        {row.from_tag: row.to_tag for row in known if row.to_tag is not None},
        {row.from_tag for row in known if row.to_tag is None},
    )
    binds = {"site": site, "tags": list(names.canonical)}
    dropped = connection.execute(query("drop_other_canonical_tags"), binds).rowcount
    merged = connection.execute(
        query("merge_canonical_tags"), binds | {"canonical": list(names.canonical.values())}
    ).rowcount
    return bool(dropped or merged)


def read_likely_renames(connection: Connection, site: str, since: datetime) -> list[LikelyRename]:
    """Return tags that people replace by another on nearly every question asked since then."""
    binds = {"site": site, "start": since, "least": RENAME_QUESTIONS}
    rows = connection.execute(query("retagged_uses"), binds)
    return likely_renames(LikelyRename(**row._mapping) for row in rows)


def read_synonym_pull(connection: Connection, site: str) -> SynonymPull | None:
    """Return when the site's synonyms were last read from it, None if never."""
    row = connection.execute(query("synonym_pull"), {"site": site}).one_or_none()
    return None if row is None else SynonymPull(**row._mapping)


def record_synonym_pull(
    connection: Connection, site: str, pulled_at: datetime, *, full: bool
) -> None:
    """Record that the site's synonyms were read: all of them, or what was new."""
    binds = {"site": site, "pulled_at": pulled_at, "full_read": full}
    connection.execute(query("record_synonym_pull"), binds)
