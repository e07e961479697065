"""Incidents that people must hear of, kept until mail and Slack have them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection

from include.store.queries import query
from include.task_results import Incident


@dataclass(frozen=True, slots=True)
class WaitingIncident:
    """An incident that is locked for sending, and where it has been sent already."""

    incident: Incident
    mailed: bool
    posted: bool


def add_incident(
    connection: Connection, incident: Incident, *, fallback: bool = False, delay_s: float = 0.0
) -> bool:
    """
    Put an incident into the outbox; return whether its cause was not there before.

    Parameters
    ----------
    connection : Connection
    incident : Incident
    fallback : bool
        Whether it reports a whole run: it is dropped if one of the run's tasks reports itself.
    delay_s : float
        Seconds, >= 0, until it is due.
    """
    added = connection.execute(
        query("add_incident"),
        {
            "incident_key": incident.key,
            "run_key": incident.run_key,
            "fallback": fallback,
            "incident": json.dumps(incident.to_dict()),
            "delay_s": delay_s,
        },
    )
    return added.one_or_none() is not None


def waiting_incidents(connection: Connection, *, limit: int) -> list[str]:
    """Return the keys of those that are due, without those of runs whose tasks told more."""
    connection.execute(query("drop_superseded_incidents"))
    return list(connection.scalars(query("waiting_incidents"), {"limit": limit}))


def lock_incident(connection: Connection, key: str) -> WaitingIncident | None:
    """Lock an incident in this transaction; None if it is sent, or another process has it."""
    row = connection.execute(query("lock_incident"), {"incident_key": key}).one_or_none()
    if row is None:
        return None
    return WaitingIncident(Incident.from_dict(row.incident), row.mailed, row.posted)


def record_delivery(
    connection: Connection, key: str, *, mailed: bool, posted: bool, last_error: str | None
) -> None:
    """Record where an incident has been sent by now, and the last error if one is left."""
    connection.execute(
        query("record_delivery"),
        {"incident_key": key, "mailed": mailed, "posted": posted, "last_error": last_error},
    )
