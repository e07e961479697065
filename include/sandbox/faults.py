"""How the sandbox site is told to misbehave, and how long for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "throttle", "backoff", "server_error", "cut", "ban_page", "edit", "quota_exhausted"
]


class Fault(BaseModel):
    """
    One way to misbehave, on the ``times`` requests that follow the next ``after``.

    Parameters
    ----------
    kind : str
        ``throttle``: HTTP 400 with error_id 502 and ``seconds`` in the message.
        ``backoff``: a good page with a backoff of ``seconds``, enforced afterwards.
        ``server_error``: HTTP ``status`` (500 or 503) with the API's error body.
        ``cut``: the connection closes in the middle of a good page.
        ``ban_page``: HTTP ``status`` with an HTML page instead of JSON.
        ``edit``: a good page; then the next question's tags are edited and the page's first
        question is moved to the end of the order by activity.
        ``quota_exhausted``: a good page that leaves ``remaining`` requests for the day.
    after : int, default=0
        Requests that are answered as usual first.
    times : int, default=1
        Requests that are answered by this fault.
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
    """The faults still to come; every one counts requests from when it was added."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add ``fault`` behind the others."""
        self._waiting.append(fault.model_copy())

    def clear(self) -> None:
        """Behave well from now on."""
        self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """Return what is still to come, with the counts as they stand."""
        return list(self._waiting)

    def take(self) -> Fault | None:
        """Count one request and return the fault that answers it: the first that is due."""
        due = next((fault for fault in self._waiting if fault.after == 0), None)
        for fault in self._waiting:
            fault.after = max(0, fault.after - 1)
        if due is not None:
            due.times -= 1
            if due.times == 0:
                self._waiting.remove(due)
        return due
