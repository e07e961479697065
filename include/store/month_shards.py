"""Months of questions as compressed arrays in PostgreSQL: tags and dates, and term counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from include.store.arrays import Arrays, pack, unpack
from include.store.queries import query

_BUILDING = "building"
"""Stands for the content hash until the whole month was read; never visible to others."""


@dataclass(frozen=True, slots=True)
class MonthKey:
    """A month of a site, and the version of the code that prepares texts and counts terms."""

    site: str
    month: str
    version: str

    def binds(self) -> dict[str, str]:
        """Return the key as binds of statements."""
        return {"site": self.site, "month": self.month, "version": self.version}


@dataclass(frozen=True, slots=True)
class MonthSnapshot:
    """
    A month whose shards are stored.

    Parameters
    ----------
    key : MonthKey
    row_state : str
        Of the rows that it was made from.
    content_hash : str
        Of the texts and tags of the tagged questions.
    question_count : int
        Questions with a tag.
    untagged_count : int
        Questions that were left out.
    """

    key: MonthKey
    row_state: str
    content_hash: str
    question_count: int
    untagged_count: int


def month_states(
    connection: Connection, site: str, start: datetime, end: datetime
) -> dict[str, str]:
    """Return the state of the rows of each month in ``[start, end)`` that has questions."""
    binds = {"site": site, "start": start, "end": end}
    return {row.month: row.row_state for row in connection.execute(query("month_states"), binds)}


def read_stored_months(
    connection: Connection, site: str, version: str, first_month: str, last_month: str
) -> dict[str, MonthSnapshot]:
    """Return the months from a first to a last, both included, that this version built."""
    rows = connection.execute(
        query("stored_months_of"),
        {"site": site, "version": version, "first_month": first_month, "last_month": last_month},
    )
    return {
        row.month: MonthSnapshot(
            MonthKey(site, row.month, version),
            row.row_state,
            row.content_hash,
            row.question_count,
            row.untagged_count,
        )
        for row in rows
    }


def lock_month(connection: Connection, key: MonthKey) -> None:
    """Lock the building of a month's shards until the transaction ends."""
    part = f"{key.site} {key.month}"
    connection.execute(query("lock_features_once"), {"cache": "month_shards", "part": part})


def add_shard(
    connection: Connection, key: MonthKey, part: int, questions: Arrays, counts: Arrays
) -> None:
    """Store the next part of a month, within the transaction that ends with `finish_month`."""
    connection.execute(
        query("record_month_shard"),
        key.binds()
        | {
            "content_hash": _BUILDING,
            "part": part,
            "question_count": len(questions["ids"]),
            "questions": pack(questions),
            "counts": pack(counts),
        },
    )


def finish_month(connection: Connection, month: MonthSnapshot, *, known: bool) -> None:
    """
    Record a month whose parts were added, within the same transaction.

    Parameters
    ----------
    connection : Connection
    month : MonthSnapshot
    known : bool
        Whether shards with the same content hash are stored: the new ones are then dropped.
    """
    binds = month.key.binds()
    name = {"content_hash": month.content_hash}
    if known:
        connection.execute(query("drop_month_shards"), binds | {"content_hash": _BUILDING})
    else:
        connection.execute(query("drop_month_shards"), binds | name)
        connection.execute(query("name_month_shards"), binds | name | {"building": _BUILDING})
    connection.execute(
        query("record_stored_month"),
        binds
        | name
        | {
            "row_state": month.row_state,
            "question_count": month.question_count,
            "untagged_count": month.untagged_count,
        },
    )


def drop_old_shards(connection: Connection, month: MonthSnapshot, before: datetime) -> None:
    """Delete shards of a month's other contents and versions that were built before a time."""
    binds = month.key.binds() | {"content_hash": month.content_hash, "before": before}
    connection.execute(query("drop_old_month_shards"), binds)


def read_questions(connection: Connection, month: MonthSnapshot) -> list[Arrays]:
    """Return ids, dates and tags of a month, one mapping of arrays for each part."""
    rows = connection.execute(
        query("month_shard_questions"), month.key.binds() | {"content_hash": month.content_hash}
    )
    return [unpack(row.questions) for row in rows]


def read_counts(connection: Connection, month: MonthSnapshot, part: int) -> Arrays | None:
    """Return the term counts of one part, None if they were deleted since the month was read."""
    row = connection.execute(
        query("month_shard_counts"),
        month.key.binds() | {"content_hash": month.content_hash, "part": part},
    ).one_or_none()
    return unpack(row.counts) if row else None
