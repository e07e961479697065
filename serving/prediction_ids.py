"""Prediction ids: UUID version 7 (RFC 9562), whose timestamp is the prediction's `asked_at`."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from include.store.predictions import uuid7_time
from serving.entropy import random_bytes

_VERSION: Final = 7 << 76 | 2 << 62  # and the variant
_RANDOM_BITS: Final = (1 << 76) - 1 & ~(3 << 62)
EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """Return a new version 7 UUID: 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random_part = int.from_bytes(random_bytes(), "big") & _RANDOM_BITS
    return UUID(int=milliseconds << 80 | random_part | _VERSION)


def is_plausible(prediction_id: UUID) -> bool:
    """Return whether this service can have issued ``prediction_id``."""
    if prediction_id.version != 7:
        return False
    try:
        return EARLIEST <= uuid7_time(prediction_id) <= datetime.now(UTC) + timedelta(minutes=1)
    except (OverflowError, ValueError, OSError):
        return False
