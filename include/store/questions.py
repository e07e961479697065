"""Questions and their tags in PostgreSQL: merged in through COPY, read back by time."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from include.months import month_of, month_start
from include.questions import Question
from include.store.copy_text import array_literal, copy_line, copy_lines
from include.store.queries import query

BATCH: Final = 5_000
"""Questions held in memory at once; some 10 MB of text."""


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
        Read once, in batches of `BATCH`, so any number fits in memory. Of two versions of one
        question in a batch the later in the iterable counts.

    Returns
    -------
    int
        Sum over batches of the distinct questions.
    """
    connection.execute(query("create_questions_staging"))
    count = 0
    ready: set[str] = set()
    for batch in _batches(questions):
        months = {month_of(question.asked_at) for question in batch} - ready
        if months:
            ensure_partitions(connection, months)
            ready |= months
        _copy(connection, batch)
        _merge(connection)
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


def _batches(questions: Iterable[Question]) -> Iterator[list[Question]]:
    """
    Yield lists of up to `BATCH` distinct questions, each sorted by its key.

    The order prevents deadlocks between sessions that merge the same questions.
    """
    source = iter(questions)
    while chunk := list(islice(source, BATCH)):
        latest = {(question.site, question.question_id): question for question in chunk}
        yield [latest[key] for key in sorted(latest)]


def _copy(connection: Connection, batch: list[Question]) -> None:
    """COPY a batch into the staging table."""
    now = datetime.now(UTC).isoformat()
    lines = [question_line(question, now) for question in batch]
    copy_lines(connection, "copy_questions_staging", lines)


def _merge(connection: Connection) -> None:
    """Merge the staging table into the store and empty it."""
    moved = connection.execute(query("moved_questions")).mappings().all()
    if moved:
        # The partition key is part of the primary key, so a moved question would be stored twice.
        connection.execute(query("delete_question"), [dict(row) for row in moved])
    for name in ("merge_questions", "merge_question_tags", "clear_questions_staging"):
        connection.execute(query(name))


def tag_uses(connection: Connection, site: str, start: datetime, end: datetime) -> dict[str, int]:
    """Return how often each tag was used in [start, end), with settled tags."""
    binds = {"site": site, "start": start, "end": end}
    return {row.tag: int(row.uses) for row in connection.execute(query("tag_uses_between"), binds)}


def question_line(question: Question, now: str) -> bytes:
    """Return a question as a line of COPY's text format; ``now`` if ``fetched_at`` is missing."""
    q = question
    return copy_line(
        (
            q.site,
            str(q.question_id),
            q.asked_at.isoformat(),
            q.title,
            q.body_html,
            array_literal(q.tags),
            str(q.score),
            str(q.view_count),
            str(q.answer_count),
            q.link,
            q.author,
            q.licence,
            q.fetched_at.isoformat() if q.fetched_at else now,
        )
    )
