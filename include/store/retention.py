"""What is old enough in PostgreSQL, and the record of what was removed anywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from include.store.queries import query


@dataclass(frozen=True, slots=True)
class Removal:
    """
    Something that is removed, or would be.

    Parameters
    ----------
    kind : str
        ``predictions``, ``feedback``, ``version``, ``run``, ``report``, ``log`` or ``mail``.
    name : str
        A partition, a version's number, a run's id, a folder or a table.
    amount : int
        Rows or files; of a partition as PostgreSQL estimates it.
    bytes : int
        0 if unknown.
    """

    kind: str
    name: str
    amount: int
    bytes: int = 0


def old_partitions(connection: Connection, before: datetime) -> list[Removal]:
    """Return the partitions of predictions whose month was over before a moment, oldest first."""
    rows = connection.execute(query("prediction_partitions"), {"before": before})
    return [Removal("predictions", row.name, row.amount, row.bytes) for row in rows]


def drop_partition(connection: Connection, name: str) -> None:
    """Drop a partition of predictions."""
    connection.execute(query("drop_predictions_partition"), {"name": name})


def old_feedback(connection: Connection, before: datetime) -> list[Removal]:
    """Return the feedback that was given before a moment, as one removal; none if there is none."""
    return _counted(connection, "count_old_feedback", before, "feedback", "feedback")


def delete_feedback(connection: Connection, before: datetime) -> None:
    """Delete the feedback that was given before a moment."""
    connection.execute(query("delete_old_feedback"), {"before": before})


def sent_incidents(connection: Connection, before: datetime) -> list[Removal]:
    """Return the incidents that were sent before a moment, as one removal if there are any."""
    return _counted(connection, "count_sent_incidents", before, "mail", "outbox")


def delete_incidents(connection: Connection, before: datetime) -> None:
    """Delete the incidents that were sent before a moment."""
    connection.execute(query("delete_sent_incidents"), {"before": before})


def forget_pages(connection: Connection, run_id: str) -> None:
    """Take the address of a removed run from the drift reports that link to it."""
    connection.execute(query("forget_report_pages"), {"run_id": run_id})


def record_removal(connection: Connection, removal: Removal) -> None:
    """Record what was removed."""
    connection.execute(query("record_removal"), asdict(removal))


def _counted(
    connection: Connection, statement: str, before: datetime, kind: str, name: str
) -> list[Removal]:
    count: int = connection.execute(query(statement), {"before": before}).scalar_one()
    return [Removal(kind, name, count)] if count else []
