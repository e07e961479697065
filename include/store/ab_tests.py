"""A/B tests in PostgreSQL: at most one open, with a ledger of its interim analyses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from include.errors import FixInputError
from include.store.predictions import TOP_TAGS
from include.store.queries import query


@dataclass(frozen=True, slots=True)
class StoredAbTest:
    """A row of ``ab_tests``; ``share`` in [0, 1] is the challenger's part of the traffic."""

    ab_test_id: int
    champion_version: str
    challenger_version: str
    share: float
    shadow: bool
    started_at: datetime
    started_by: str


@dataclass(frozen=True, slots=True)
class EndedAbTest(StoredAbTest):
    """An ended A/B test; ``verdict`` is ``promote`` or ``stop``."""

    ended_at: datetime
    verdict: str
    reason: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """
    A randomization unit of an A/B test, its variant and its score.

    ``score`` is the mean F1@5 of the unit's answers whose true tags are known, None if there are
    none; ``key_name`` is the API key that asked, None if the service ran without keys.
    """

    variant: str
    score: float | None
    key_name: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """F1@5 of champion and challenger on one question that an API key asked in shadow mode."""

    champion: float
    challenger: float
    key_name: str | None


def read_units(connection: Connection, ab_test_id: int, *, feedback: bool = False) -> list[Unit]:
    """
    Return the units of a test that splits the traffic, in order of arrival.

    True tags are those read from the site and, with ``feedback``, those that the API key which
    asked the question told.
    """
    binds = {"ab_test_id": ab_test_id, "top": TOP_TAGS, "feedback": feedback}
    rows = connection.execute(query("ab_units"), binds)
    return [Unit(row.variant, row.score, row.key_name) for row in rows]


def read_paired_scores(connection: Connection, ab_test_id: int) -> list[Pair]:
    """Return F1@5 of both models on each question of a shadow test, in order of arrival."""
    rows = connection.execute(query("ab_pairs"), {"ab_test_id": ab_test_id, "top": TOP_TAGS})
    return [Pair(row.champion, row.challenger, row.key_name) for row in rows]


def open_ab_test(connection: Connection) -> StoredAbTest | None:
    """Return the open A/B test, if any."""
    row = connection.execute(query("open_ab_test")).mappings().one_or_none()
    return StoredAbTest(**row) if row is not None else None


def last_ended_ab_test(connection: Connection, since: datetime) -> EndedAbTest | None:
    """Return the latest test that ended at or after ``since`` (aware), None if there is none."""
    row = connection.execute(query("last_ended_ab_test"), {"since": since}).mappings().one_or_none()
    return EndedAbTest(**row) if row is not None else None


def ended_ab_test(connection: Connection, ab_test_id: int) -> EndedAbTest:
    """Return an ended test; FixInputError if there is none with this id."""
    binds = {"ab_test_id": ab_test_id}
    row = connection.execute(query("ended_ab_test"), binds).mappings().one_or_none()
    if row is None:
        raise FixInputError(f"there is no A/B test {ab_test_id} that has ended")
    return EndedAbTest(**row)


def start_ab_test(
    connection: Connection,
    *,
    champion_version: str,
    challenger_version: str,
    share: float,
    shadow: bool,
    started_by: str,
) -> int:
    """
    Open an A/B test and return its id.

    Raises
    ------
    FixInputError
        If another test is open.
    """
    binds = {
        "champion_version": champion_version,
        "challenger_version": challenger_version,
        "share": share,
        "shadow": shadow,
        "started_by": started_by,
    }
    try:
        with connection.begin_nested():
            return int(connection.execute(query("start_ab_test"), binds).scalar_one())
    except IntegrityError as error:
        raise FixInputError(
            "an A/B test is open already: trigger judge_ab_test with action 'stop' first"
        ) from error


def record_verdict(
    connection: Connection,
    ab_test_id: int,
    *,
    verdict: str,
    reason: str,
    figures: Mapping[str, Any],
) -> None:
    """Add a row to the ledger; ``promote`` and ``stop`` also close the test."""
    binds = {
        "ab_test_id": ab_test_id,
        "verdict": verdict,
        "reason": reason,
        "figures": json.dumps(figures),
    }
    connection.execute(query("record_ab_verdict"), binds)
    if verdict != "go_on":
        connection.execute(query("close_ab_test"), binds)
