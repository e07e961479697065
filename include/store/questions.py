"""Questions and their tags in PostgreSQL: merged in through COPY, read back by time."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from include.months import month_start
from include.questions import Question
from include.store.queries import query
from include.store.question_batches import batches_of, one_ahead, store_batch


def upsert_questions(connection: Connection, questions: Iterable[Question]) -> int:
    """
    Merge questions and their tags into the store, within the caller's transaction.

    New questions are added. A stored question is updated from a later version, except for its
    first-seen tags: other tags of a later version are stored beside them as settled tags. The call
    is idempotent. A version older than the stored one (a dump loaded after the API) adds missing
    values and overwrites nothing.

    Parameters
    ----------
    connection : Connection
        Open on the platform's database. Nothing is committed here.
    questions : iterable of Question
        Read once, by another thread, in batches that fit in memory whatever their number. Of two
        versions of one question in a batch the later in the iterable counts.

    Returns
    -------
    int
        Sum over batches of the distinct questions.
    """
    count = 0
    ready: set[str] = set()
    for batch in one_ahead(batches_of(questions)):
        if months := batch.months - ready:
            ensure_partitions(connection, months)
            ready |= months
        store_batch(connection, batch)
        count += len(batch)
    return count


def ensure_partitions(connection: Connection, months: Iterable[str]) -> None:
    """
    Make the partitions of ``questions`` that are missing for months.

    A new one locks ``questions`` against other new ones until the transaction ends.
    """
    moments = [month_start(month) for month in sorted(months)]
    connection.execute(query("ensure_question_partitions"), {"moments": moments})


def read_questions(
    connection: Connection, site: str, start: datetime, end: datetime
) -> list[Question]:
    """
    Return a site's questions asked in ``[start, end)``, oldest first.

    Their tags are the settled ones if there are any, otherwise the first-seen ones.
    """
    rows = connection.execute(
        query("questions_between"), {"site": site, "start": start, "end": end}
    )
    return [
        Question(
            site=row.site,
            question_id=row.question_id,
            asked_at=row.asked_at,
            title=row.title,
            body_html=row.body_html,
            tags=tuple(row.tags),
            score=row.score,
            view_count=row.view_count,
            answer_count=row.answer_count,
            link=row.link,
            author=row.author,
            licence=row.licence,
            fetched_at=row.fetched_at,
        )
        for row in rows
    ]


def questions_per_month(connection: Connection, site: str) -> dict[str, int]:
    """Return ``{month: stored questions}`` for the months that have any, oldest first."""
    rows = connection.execute(query("questions_per_month"), {"site": site})
    return {row.month: row.question_count for row in rows}


def tags_between(
    connection: Connection, site: str, start: datetime, end: datetime
) -> tuple[list[datetime], list[tuple[str, ...]]]:
    """Return when tagged questions of [start, end) were asked, oldest first, and their tags."""
    rows = connection.execute(query("tags_between"), {"site": site, "start": start, "end": end})
    found = [(row.asked_at, tuple(row.tags)) for row in rows]
    return [asked_at for asked_at, _ in found], [tags for _, tags in found]


def tag_uses(connection: Connection, site: str, start: datetime, end: datetime) -> dict[str, int]:
    """Return how often each tag was used in [start, end), with settled tags."""
    binds = {"site": site, "start": start, "end": end}
    return {row.tag: int(row.uses) for row in connection.execute(query("tag_uses_between"), binds)}
