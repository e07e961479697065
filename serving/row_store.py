"""Rows of the spool into PostgreSQL: what to do about each of its errors is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from include.store.deadlines import Deadlines
from include.store.errors import description, is_condition, is_missing_partition, sqlstate
from include.store.predictions import copy_feedback, copy_new_predictions, copy_predictions
from serving.spool_records import Line

Copy = Callable[[Connection, Sequence[bytes]], int]

PREDICTION: Final = "p"
FEEDBACK: Final = "f"


class Refused(NamedTuple):
    """A row that PostgreSQL refused, and why; the reason holds nothing of the row."""

    line: Line
    reason: str


class Stored(NamedTuple):
    """The number of rows that are in the table now and were not before, and those refused."""

    rows: int
    refused: list[Refused]


class RowStore:
    """
    Stores rows, each exactly once.

    Parameters
    ----------
    database : Deadlines
    """

    def __init__(self, database: Deadlines) -> None:
        self._database = database

    def store(self, lines: Sequence[Line], *, patient: bool = True) -> Stored:
        """
        Store ``lines``, except those that PostgreSQL refuses whatever its condition.

        Parameters
        ----------
        lines : sequence of Line
        patient : bool, default=True
            Whether an error of the connection is always the server's condition. If not, a row that
            breaks the connection to a server that answers again is refused.

        Raises
        ------
        SQLAlchemyError
            If PostgreSQL is in a condition in which it cannot store now: then send all again.
        """
        try:
            return Stored(self._transaction(lines, copy_new_predictions), [])
        except DBAPIError as error:
            if is_condition(error) and not is_missing_partition(error) and patient:
                raise
        # Some are stored already, one is the first of its month, or one is refused.
        return self._bisect(lines, patient=patient)

    def _bisect(self, lines: Sequence[Line], *, patient: bool) -> Stored:
        """Store ``lines`` in one transaction, or else each half of them."""
        try:
            return Stored(self._transaction(lines, copy_predictions), [])
        except DBAPIError as error:
            if is_condition(error) and (patient or not self._breaks_connection(error)):
                raise
            if len(lines) == 1:
                return Stored(0, [Refused(lines[0], description(error))])
        middle = len(lines) // 2
        halves = [self._bisect(half, patient=patient) for half in (lines[:middle], lines[middle:])]
        return Stored(
            sum(half.rows for half in halves), [row for half in halves for row in half.refused]
        )

    def _transaction(self, lines: Sequence[Line], copy: Copy) -> int:
        predictions = [line for kind, line in lines if kind == PREDICTION]
        feedback = [line for kind, line in lines if kind == FEEDBACK]
        stored = 0
        with self._database.begin() as connection:
            if predictions:
                stored += copy(connection, predictions)
            if feedback:
                stored += copy_feedback(connection, feedback)
        return stored

    def _breaks_connection(self, error: DBAPIError) -> bool:
        """Return whether the connection broke or timed out, and PostgreSQL accepts a new one."""
        if (sqlstate(error) or "57")[:2] not in {"08", "57"}:
            return False
        self._database.dispose()
        try:
            with self._database.begin():
                return True
        except (SQLAlchemyError, OSError):
            return False
