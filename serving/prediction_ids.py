"""Prediction ids: UUID version 7 (RFC 9562), whose time is the prediction's `asked_at`."""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from include.store.predictions import uuid7_time

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """Return a fresh version 7 UUID: 48 bits of milliseconds, then 74 random bits."""
    chance = int.from_bytes(os.urandom(10), "big")
    high, low = (chance >> 62) & 0xFFF, chance & ((1 << 62) - 1)
    milliseconds = time.time_ns() // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


def plausible(prediction_id: UUID) -> bool:
    """Return whether this service can have given out ``prediction_id``."""
    if prediction_id.version != 7:
        return False
    try:
        return EARLIEST <= uuid7_time(prediction_id) <= datetime.now(UTC) + timedelta(minutes=1)
    except (OverflowError, ValueError, OSError):
        return False
