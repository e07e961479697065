"""
The brief's live indicators by day: computed by one worker off the request path, read by all.

The worker that leads (see `serving.leader`) writes them to a file; ``/model`` and ``/metrics``
read it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec


class DayIndicators(msgspec.Struct, frozen=True):
    """
    One UTC day of answers.

    ``precision`` is the share of suggested tags that were true and ``coverage`` the share of true
    tags that were suggested, over the five best suggestions of the ``judged`` answers, those whose
    true tags are known; ``latency_ms`` is the median.
    """

    day: dt.date
    answers: int
    judged: int
    precision: float | None
    coverage: float | None
    latency_ms: float


def read_indicators(path: Path) -> list[DayIndicators]:
    """Return what was written last, oldest day first; empty if nothing was."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[DayIndicators])
    except (FileNotFoundError, msgspec.DecodeError):
        return []


def write_indicators(path: Path, days: list[DayIndicators]) -> None:
    """Replace the file in one step, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(days))
    fresh.replace(path)
