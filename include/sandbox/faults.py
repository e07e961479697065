"""Fault injection: how the sandbox site misbehaves, and for how many requests."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "throttle", "backoff", "server_error", "cut", "ban_page", "edit", "quota_exhausted"
]


class Fault(BaseModel):
    """
    A fault of ``times`` requests, after ``after`` normal ones.

    Parameters
    ----------
    kind : str
        ``throttle``: HTTP 400 with error_id 502 and ``seconds`` in the message.
        ``backoff``: a normal page with a backoff of ``seconds``, enforced afterwards.
        ``server_error``: HTTP ``status`` (500 or 503) with the API's error body.
        ``cut``: the connection closes in the middle of a normal page.
        ``ban_page``: HTTP ``status`` with an HTML page instead of JSON.
        ``edit``: a normal page; then the next question's tags are edited, and the page's first
        question becomes the most recently active one.
        ``quota_exhausted``: a normal page that leaves ``remaining`` requests for the day.
    after : int, default=0
        Normal requests before the fault.
    times : int, default=1
        Requests with the fault.
    seconds : int, default=10
    status : int or None
        500 by default for ``server_error``, 403 for ``ban_page``.
    remaining : int, default=0
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    after: int = Field(0, ge=0)
    times: int = Field(1, ge=1)
    seconds: int = Field(10, ge=1)
    status: Literal[200, 403, 429, 500, 503] | None = None
    remaining: int = Field(0, ge=0)

    @property
    def http_status(self) -> int:
        """The HTTP status of a fault that has one."""
        return self.status or (403 if self.kind == "ban_page" else 500)


class FaultQueue:
    """The pending faults; each counts requests from when it was added."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Append ``fault``."""
        self._pending.append(fault.model_copy())

    def clear(self) -> None:
        """Remove all pending faults."""
        self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return the pending faults, with their current counts."""
        return list(self._pending)

    def take(self) -> Fault | None:
        """Count one request and return its fault: the first that is due."""
        due = next((fault for fault in self._pending if fault.after == 0), None)
        for fault in self._pending:
            fault.after = max(0, fault.after - 1)
        if due is not None:
            due.times -= 1
            if due.times == 0:
                self._pending.remove(due)
        return due
