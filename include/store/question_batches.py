"""
Batches of questions into PostgreSQL: by COPY straight into the tables, or merged if any is stored.

Nearly every question is new when it arrives, in a dump as from the API. The lines of a batch are
the same for both ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from include.months import month_of
from include.questions import Question
from include.store.copy_text import array_literal, copy_line, copy_lines
from include.store.queries import query

BATCH: Final = 5_000
"""Questions of a batch; some 10 MB of text, of which two are held in memory."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QuestionBatch:
    """
    Distinct questions as lines of COPY's text format, by key.

    The order prevents deadlocks between sessions that store the same questions.

    Parameters
    ----------
    ids : dict of str to list of int
        Question ids by site.
    months : frozenset of str
    question_lines, tag_lines : list of bytes
        One a question, for ``questions`` and ``question_tags``.
    """

    ids: dict[str, list[int]]
    months: frozenset[str]
    question_lines: list[bytes]
    tag_lines: list[bytes]

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.question_lines)


def batches_of(questions: Iterable[Question]) -> Iterator[QuestionBatch]:
    """Yield batches of up to `BATCH` questions; of two versions of one, the later counts."""
    source = iter(questions)
    while chunk := list(islice(source, BATCH)):
        latest = {(question.site, question.question_id): question for question in chunk}
        keys = sorted(latest)
        now = datetime.now(UTC).isoformat()
        yield QuestionBatch(
            ids={site: [key[1] for key in of_site] for site, of_site in groupby(keys, _site)},
            months=frozenset(month_of(question.asked_at) for question in latest.values()),
            question_lines=[question_line(latest[key], now) for key in keys],
            tag_lines=[tag_line(latest[key], now) for key in keys],
        )


def _site(key: tuple[str, int]) -> str:
    return key[0]


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """
    Yield the items; each is computed by another thread while the caller uses the one before.

    PostgreSQL works on one batch while the next one is read and formatted.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as worker:
        following = worker.submit(next, items, end)
        while (item := following.result()) is not end:
            following = worker.submit(next, items, end)
            yield item  # type: ignore[misc]


def store_batch(connection: Connection, batch: QuestionBatch) -> None:
    """
    Store a batch within the caller's transaction; the partitions of its months exist.

    If another session stores one of the questions at the same moment, the batch is merged.
    """
    if not _any_is_stored(connection, batch):
        try:
            with connection.begin_nested():
                copy_lines(connection, "copy_question_tags", batch.tag_lines)
                copy_lines(connection, "copy_questions", batch.question_lines)
            return
        except IntegrityError:
            pass  # stored since the look: merged below
    _merge(connection, batch)


def _any_is_stored(connection: Connection, batch: QuestionBatch) -> bool:
    return any(
        connection.execute(
            query("any_question_stored"), {"site": site, "question_ids": ids}
        ).scalar_one()
        for site, ids in batch.ids.items()
    )


def _merge(connection: Connection, batch: QuestionBatch) -> None:
    """Merge a batch through the staging tables, and empty them."""
    connection.execute(query("create_questions_staging"))
    connection.execute(query("create_question_tags_staging"))
    copy_lines(connection, "copy_questions_staging", batch.question_lines)
    copy_lines(connection, "copy_question_tags_staging", batch.tag_lines)
    moved = connection.execute(query("moved_questions")).mappings().all()
    if moved:
        # The partition key is part of the primary key, so a moved question would be stored twice.
        connection.execute(query("delete_question"), [dict(row) for row in moved])
    for name in ("merge_questions", "merge_question_tags", "clear_questions_staging"):
        connection.execute(query(name))


def question_line(question: Question, now: str) -> bytes:
    """Return the line of ``questions``; ``now`` if ``fetched_at`` is missing."""
    q = question
    return copy_line(
        (
            q.site,
            str(q.question_id),
            q.asked_at.isoformat(),
            q.title,
            q.body_html,
            str(q.score),
            str(q.view_count),
            str(q.answer_count),
            q.link,
            q.author,
            q.licence,
            q.fetched_at.isoformat() if q.fetched_at else now,
        )
    )


def tag_line(question: Question, now: str) -> bytes:
    """Return the line of ``question_tags``; ``now`` if ``fetched_at`` is missing."""
    q = question
    seen_at = q.fetched_at.isoformat() if q.fetched_at else now
    key = (q.site, str(q.question_id), q.asked_at.isoformat())
    return copy_line((*key, array_literal(q.tags), seen_at))
