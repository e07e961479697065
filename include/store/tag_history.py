"""Tags that questions had soon after they were asked, from the history in a data dump."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from include.months import month_range
from include.questions import TagRevision
from include.store.copy_text import array_literal, copy_line, copy_lines
from include.store.label_readings import FIRST_READ_DAYS
from include.store.queries import query


def create_tag_revisions(connection: Connection) -> None:
    """Make the empty table of revisions, which is this connection's own."""
    connection.execute(query("drop_tag_revisions"))
    connection.execute(query("create_tag_revisions"))


def add_tag_revisions(
    connection: Connection, revisions: Iterable[TagRevision], first_position: int
) -> None:
    """Add revisions; of two at the same second the one at the later position counts."""
    copy_lines(
        connection,
        "copy_tag_revisions",
        (
            copy_line(
                (
                    str(revision.question_id),
                    revision.revised_at.isoformat(),
                    str(position),
                    array_literal(revision.tags),
                )
            )
            for position, revision in enumerate(revisions, start=first_position)
        ),
    )


def index_tag_revisions(connection: Connection) -> None:
    """Index the table of revisions, once all are there, and count them for the planner."""
    connection.execute(query("index_tag_revisions"))
    connection.execute(query("analyze_tag_revisions"))


def drop_tag_revisions(connection: Connection) -> None:
    """Drop the table of revisions."""
    connection.execute(query("drop_tag_revisions"))


def store_first_tags(connection: Connection, site: str, month: str, known_days: float) -> int:
    """
    Give a month's questions the first tags that the revisions say; return how many got them.

    Questions that were read within `FIRST_READ_DAYS` keep their own; a second call changes nothing.

    Parameters
    ----------
    connection : Connection
        Whose table of revisions is filled and indexed.
    site, month : str
    known_days : float
        Age of the tags that count as first ones, > 0 and at most `FIRST_READ_DAYS`.
    """
    start, end = month_range(month)
    binds = {
        "site": site,
        "start": start,
        "end": end,
        "young_days": FIRST_READ_DAYS,
        "known_days": known_days,
    }
    return int(connection.execute(query("first_tags_from_revisions"), binds).scalar_one())


def record_agreement(
    connection: Connection, site: str, month: str, *, read_at: datetime, import_id: str
) -> None:
    """
    Record how well a month's first tags agree with those of an import, unless the API has said it.

    Parameters
    ----------
    connection : Connection
    site, month : str
    read_at : datetime
        Aware; when the imported file was made: its tags must have settled.
    import_id : str
    """
    start, end = month_range(month)
    binds = {
        "site": site,
        "month": month,
        "start": start,
        "end": end,
        "young_days": FIRST_READ_DAYS,
        "read_at": read_at,
        "import_id": import_id,
    }
    connection.execute(query("record_label_agreement"), binds)
