"""
What an alert that Alertmanager sends to Airflow asks for: plain values, checked.

References
----------
.. [1] Alertmanager's documentation of ``webhook_config``: the JSON of version 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from include.errors import FixInputError

VERSION: Final = "4"
RETRAINING_ALERTS: Final = frozenset({"LivePrecisionLow"})
"""Alerts that start a training; those with the label ``action: retrain`` in monitoring/rules."""

MAX_ALERTS: Final = 100
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_REASON_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class Alert:
    """
    One alert of a webhook.

    Parameters
    ----------
    name : str
        Of its rule.
    fingerprint : str
        Of its labels, 16 hexadecimal digits: the same alert has the same one.
    firing : bool
        False if it is resolved.
    starts_at : datetime
        Since when it fires, aware; a repeated message has the same.
    summary : str
        Its annotation, shortened.
    """

    name: str
    fingerprint: str
    firing: bool
    starts_at: datetime
    summary: str

    @property
    def run_prefix(self) -> str:
        """What the ids of all trainings for this alert begin with."""
        return f"alert-{self.fingerprint}-"

    @property
    def run_id(self) -> str:
        """Id of the training run: the same for each message about one outbreak of the alert."""
        return f"{self.run_prefix}{self.starts_at.astimezone(UTC):%Y%m%dT%H%M%S}"

    @property
    def reason(self) -> str:
        """Why to train, for the ledger and the run's note."""
        return f"alert {self.name}: {self.summary}" if self.summary else f"alert {self.name}"


def read_webhook(payload: object) -> tuple[Alert, ...]:
    """
    Return the alerts of a webhook's body.

    Raises
    ------
    FixInputError
        If it is not a message of version 4; the message names the field.
    """
    if not isinstance(payload, dict) or payload.get("version") != VERSION:
        raise FixInputError(f"version must be {VERSION!r}, as Alertmanager sends it")
    alerts = payload.get("alerts")
    if not isinstance(alerts, list) or not 1 <= len(alerts) <= MAX_ALERTS:
        raise FixInputError(f"alerts must be a list of 1 to {MAX_ALERTS}")
    return tuple(_alert(position, one) for position, one in enumerate(alerts))


def _alert(position: int, values: object) -> Alert:
    field = f"alerts[{position}]"
    if not isinstance(values, dict):
        raise FixInputError(f"{field} must be an object")
    labels, annotations = _texts(values, "labels", field), _texts(values, "annotations", field)
    name, fingerprint = labels.get("alertname", ""), values.get("fingerprint")
    if not _NAME.fullmatch(name):
        raise FixInputError(f"{field}.labels.alertname must be the name of an alert")
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise FixInputError(f"{field}.fingerprint must be 16 hexadecimal digits")
    if values.get("status") not in ("firing", "resolved"):
        raise FixInputError(f"{field}.status must be firing or resolved")
    return Alert(
        name=name,
        fingerprint=fingerprint,
        firing=values["status"] == "firing",
        starts_at=_moment(values.get("startsAt"), f"{field}.startsAt"),
        summary=" ".join(annotations.get("summary", "").split())[:_REASON_LENGTH],
    )


def _texts(values: Mapping[str, Any], key: str, field: str) -> dict[str, str]:
    found = values.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise FixInputError(f"{field}.{key} must be an object of texts")
    return found


def _moment(value: object, field: str) -> datetime:
    """Return a moment; Go writes more digits of a second than Python reads, so they are cut."""
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(value)))
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise FixInputError(f"{field} must be a time with its offset")
    return moment
