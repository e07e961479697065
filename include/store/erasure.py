"""Whose rows are erased, and the statements that count and delete them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from include.errors import FixInputError
from include.store.queries import query
from include.store.retention import Removal, record_removal


@dataclass(frozen=True, slots=True)
class DataSubject:
    """
    Whose rows are erased: exactly one of the three is given.

    Parameters
    ----------
    prediction_id : UUID or None
        One answer; the answers computed in its shadow go with it.
    client : str or None
        The name that a client sent.
    key_name : str or None
        The name of an API key.

    Raises
    ------
    FixInputError
        If not exactly one is given.
    """

    prediction_id: UUID | None = None
    client: str | None = None
    key_name: str | None = None

    def __post_init__(self) -> None:
        given = (self.prediction_id, self.client, self.key_name)
        if sum(each is not None and each != "" for each in given) != 1:
            raise FixInputError("give exactly one of --prediction, --client and --key")

    @property
    def kind(self) -> str:
        """``prediction``, ``client`` or ``key``: what a record of the erasure may say."""
        if self.prediction_id is not None:
            return "prediction"
        return "client" if self.client is not None else "key"

    def binds(self) -> dict[str, Any]:
        """Return the binds of the statements."""
        prediction_id = None if self.prediction_id is None else str(self.prediction_id)
        return {"prediction_id": prediction_id, "client": self.client, "key_name": self.key_name}


@dataclass(frozen=True, slots=True)
class StoredRows:
    """
    How many rows of a subject are stored, and when its first and last question was asked.

    Parameters
    ----------
    predictions, feedback : int
    first_asked_at, last_asked_at : datetime or None
        Aware; None without predictions.
    """

    predictions: int
    feedback: int
    first_asked_at: datetime | None
    last_asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportWithWords:
    """A check of recent predictions that may show words of erased questions."""

    report_id: int
    site: str


def stored_rows(connection: Connection, subject: DataSubject) -> StoredRows:
    """Return how many rows of ``subject`` are stored."""
    found = connection.execute(query("erased_predictions"), subject.binds()).one()
    feedback = connection.execute(query("erased_feedback"), subject.binds()).scalar_one()
    return StoredRows(found.amount, feedback, found.first_asked_at, found.last_asked_at)


def reports_with_words(
    connection: Connection, subject: DataSubject, rows: StoredRows
) -> list[ReportWithWords]:
    """Return the checks that looked at the time of ``rows`` or name the key, and still tell."""
    found = connection.execute(
        query("reports_with_words"),
        {
            "first": rows.first_asked_at,
            "last": rows.last_asked_at,
            "key_name": subject.key_name,
        },
    )
    return [ReportWithWords(row.report_id, row.site) for row in found]


def erase_rows(connection: Connection, subject: DataSubject) -> tuple[int, int]:
    """Delete the rows of ``subject``; return how many predictions and feedbacks."""
    feedback = connection.execute(query("erase_feedback"), subject.binds()).rowcount
    predictions = connection.execute(query("erase_predictions"), subject.binds()).rowcount
    return predictions, feedback


def erase_words(connection: Connection, report_id: int) -> None:
    """Take what a check tells of questions and keys out of it; verdict and figures stay."""
    for statement in ("erase_report_words", "erase_report_reason", "erase_decision_reason"):
        connection.execute(query(statement), {"report_id": report_id})


def record_erasure(connection: Connection, subject: DataSubject, place: str, amount: int) -> None:
    """Record that something was erased, without saying whose it was."""
    record_removal(connection, Removal("erasure", f"{place}, by {subject.kind}", amount))
