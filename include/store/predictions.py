"""
Predictions and feedback in PostgreSQL: written by COPY in batches, each row exactly once.

A row is formatted as a line of COPY's text format at once, because the service first appends that
line to its spool: draining then only moves bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from include.store.copy_text import array_literal, copy_line, copy_lines
from include.store.queries import query

PREDICTION_COLUMNS: Final = 17
FEEDBACK_COLUMNS: Final = 6
_FIRST_COLUMNS: Final = {PREDICTION_COLUMNS: 15, FEEDBACK_COLUMNS: 5}
"""Columns of the lines that the first releases spooled."""
TOP_TAGS: Final = 5
"""Suggestions that metrics are computed on: a question has at most five tags."""
_RECOUNTED_AFTER: Final = timedelta(days=1)
"""Feedback and settled tags of past days are looked for once a day."""
_NEWEST_QUESTIONS: Final = 1_000
"""Whose numbers of tags enter the expected F1 of answers: enough for shares within .03."""


class Prediction(msgspec.Struct, frozen=True):
    """
    One answer of the service, or one computed in shadow mode.

    Parameters
    ----------
    prediction_id : UUID
        Version 7: its timestamp is ``asked_at``.
    asked_at : datetime
        Aware, UTC.
    site, title, body : str
        Of the question; ``body`` is HTML.
    tags : sequence of (str, float)
        Tags with scores in [0, 1], best first.
    model_version, candidate, variant : str
        Of the answer; ``variant`` is ``champion`` or ``challenger``.
    latency_ms : float
        Preparing and ranking time per question, >= 0.
    shadow : bool
        Whether it was only recorded and never shown.
    answer_id : UUID or None
        For a shadow row, the prediction that was shown.
    question_id, ab_test_id : int or None
    client : str or None
        Name that the client sent.
    key_name : str or None
        Name of the API key that asked; None if the service runs without keys.
    suggested_count : int or None
        Of ``tags``, how many of the first were suggested outright; None if that is not known.
    """

    prediction_id: UUID
    asked_at: datetime
    site: str
    title: str
    body: str
    tags: tuple[tuple[str, float], ...]
    model_version: str
    candidate: str
    variant: str
    latency_ms: float
    question_id: int | None = None
    shadow: bool = False
    answer_id: UUID | None = None
    ab_test_id: int | None = None
    client: str | None = None
    key_name: str | None = None
    suggested_count: int | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """
    The final tags of a prediction's question.

    Parameters
    ----------
    feedback_id, prediction_id : UUID
    given_at : datetime
        Aware, UTC.
    final_tags : tuple of str
    source : str
        ``page``, ``api`` or ``site``, as the client says.
    key_name : str or None
        Name of the API key that gave it; it counts only for predictions of the same key.
    """

    feedback_id: UUID
    prediction_id: UUID
    given_at: datetime
    final_tags: tuple[str, ...]
    source: str
    key_name: str | None = None


def prediction_line(row: Prediction) -> bytes:
    r"""
    Return ``row`` as a line of COPY's text format, without the line's end.

    Examples
    --------
    >>> from uuid import UUID
    >>> row = Prediction(UUID(int=7), datetime(2024, 2, 1, tzinfo=UTC), "s", "a\tb", "", (), "1",
    ...                  "tfidf", "champion", 1.5)
    >>> prediction_line(row).split(b"\t")[4]
    b'a\\tb'
    """
    tags = msgspec.json.encode([{"tag": tag, "score": score} for tag, score in row.tags]).decode()
    return copy_line(
        (
            str(row.prediction_id),
            row.asked_at.isoformat(),
            row.site,
            None if row.question_id is None else str(row.question_id),
            row.title,
            row.body,
            tags,
            row.model_version,
            row.candidate,
            row.variant,
            "t" if row.shadow else "f",
            None if row.answer_id is None else str(row.answer_id),
            None if row.ab_test_id is None else str(row.ab_test_id),
            f"{row.latency_ms:.3f}",
            row.client,
            row.key_name,
            None if row.suggested_count is None else str(row.suggested_count),
        )
    )


def feedback_line(row: Feedback) -> bytes:
    """Return ``row`` as a line of COPY's text format, without the line's end."""
    return copy_line(
        (
            str(row.feedback_id),
            str(row.prediction_id),
            row.given_at.isoformat(),
            array_literal(row.final_tags),
            row.source,
            row.key_name,
        )
    )


def copy_new_predictions(connection: Connection, lines: Iterable[bytes]) -> int:
    """
    Store lines of ``prediction_line`` that are not stored yet; return how many.

    They are copied directly into the table, with half of the server's work.

    Raises
    ------
    IntegrityError
        If one is stored already, or is the first of its month. Then none is stored and the
        transaction is aborted: use ``copy_predictions``.
    """
    lines = list(lines)
    copy_lines(connection, "copy_predictions", _complete(lines, PREDICTION_COLUMNS))
    return len(lines)


def copy_predictions(connection: Connection, lines: Iterable[bytes]) -> int:
    """
    Store lines of ``prediction_line``; return how many were new.

    Rows that are stored already are skipped, so a batch may be sent twice. Missing partitions are
    created. Runs in the caller's transaction.
    """
    connection.execute(query("create_predictions_staging"))
    copy_lines(connection, "copy_predictions_staging", _complete(lines, PREDICTION_COLUMNS))
    connection.execute(query("ensure_prediction_partitions"))
    return connection.execute(query("merge_predictions")).rowcount


def copy_feedback(connection: Connection, lines: Iterable[bytes]) -> int:
    """Store lines of ``feedback_line`` as ``copy_predictions`` does; return how many were new."""
    connection.execute(query("create_feedback_staging"))
    copy_lines(connection, "copy_feedback_staging", _complete(lines, FEEDBACK_COLUMNS))
    return connection.execute(query("merge_feedback")).rowcount


def stale_indicator_days(
    connection: Connection, site: str, first_day: date, now: datetime
) -> list[date]:
    """
    Return the UTC days to count again: today, and past days that were last counted a day ago.

    Parameters
    ----------
    connection : Connection
    site : str
    first_day : date
    now : datetime
        Aware.

    Returns
    -------
    list of date
        Today first, then the longest not counted.
    """
    rows = connection.execute(
        query("stale_indicator_days"),
        {
            "site": site,
            "start": first_day,
            "today": now.astimezone(UTC).date(),
            "counted_before": now - _RECOUNTED_AFTER,
        },
    )
    return [row.day for row in rows]


def count_indicators(connection: Connection, site: str, day: date) -> bool:
    """Count a UTC day's answers again, unless another host is counting: then return False."""
    if not connection.execute(query("try_lock_indicators"), {"site": site}).scalar_one():
        return False
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    binds = {"site": site, "day": day, "start": start, "end": start + timedelta(days=1)}
    sizes = {"top": TOP_TAGS, "newest": _NEWEST_QUESTIONS}
    connection.execute(query("refresh_daily_indicators"), binds | sizes)
    return True


def daily_indicators(connection: Connection, site: str, first_day: date) -> list[dict[str, Any]]:
    """
    Return the indicators of each UTC day with answers since ``first_day``, oldest day first.

    Each row holds ``day`` (date), ``answers``, ``judged`` (answers whose true tags are known),
    ``precision`` (share of suggested tags that were true), ``recall`` (share of true tags that
    were suggested), both over the five best suggestions and None if no answer is judged,
    ``f1_suggested`` (mean F1 of the tags suggested outright, None if not known) and ``latency_ms``
    (median), as last counted by `count_indicators`.
    """
    rows = connection.execute(query("daily_indicators"), {"site": site, "start": first_day})
    return [dict(row) for row in rows.mappings()]


def uuid7_time(prediction_id: UUID) -> datetime:
    """Return the timestamp of a version 7 UUID, UTC, to the millisecond."""
    return datetime.fromtimestamp((prediction_id.int >> 80) / 1000, tz=UTC)


def _complete(lines: Iterable[bytes], columns: int) -> list[bytes]:
    """
    Return ``lines`` with the last columns as NULL where an earlier release spooled them without.

    Those are ``key_name``, and of predictions ``suggested_count``.
    """
    added = columns - _FIRST_COLUMNS[columns]
    return [
        line + b"\t\\N" * missing
        if 0 < (missing := columns - 1 - line.count(b"\t")) <= added
        else line
        for line in lines
    ]
