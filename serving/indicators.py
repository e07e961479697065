"""
The live indicators by day: computed by one worker off the request path, read by all.

The leading worker (see `serving.leader`) writes them to a file that ``/model`` and ``/metrics``
read.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec


class DailyIndicators(msgspec.Struct, frozen=True):
    """
    Indicators of one UTC day of answers.

    ``judged`` counts the answers whose true tags are known. Over their five best suggestions,
    ``precision`` is the share of suggested tags that are true and ``recall`` the share of true
    tags that were suggested; ``f1_suggested`` is the mean F1 of the tags that were suggested
    outright. ``latency_ms`` is the median.
    """

    day: dt.date
    answers: int
    judged: int
    precision: float | None
    recall: float | None
    latency_ms: float
    f1_suggested: float | None = None


def read_indicators(path: Path) -> list[DailyIndicators]:
    """Return the latest indicators, oldest day first; empty if there are none yet."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[DailyIndicators])
    except (FileNotFoundError, msgspec.DecodeError):
        return []


def write_indicators(path: Path, days: list[DailyIndicators]) -> None:
    """Replace the file atomically, so that readers never see a partial one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode(days))
    temporary.replace(path)
