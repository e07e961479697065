"""Limits per API key by questions and bytes; `serving.access` limits requests."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter

from include.settings import Settings
from serving.errors import LimitReachedError
from serving.rate_storage import SharedMemoryStorage


class Quotas:
    """
    Counts what each key sends, over all workers; made before they fork.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(SharedMemoryStorage())
        self._questions = parse(settings.service_question_limit)
        self._bytes = parse(settings.service_byte_limit)

    def spend_questions(self, key_name: str | None, count: int) -> None:
        """Count ``count`` questions of a key; LimitReachedError if that is too many."""
        self._spend(self._questions, key_name, count, "questions")

    def spend_bytes(self, key_name: str | None, count: int) -> None:
        """Count the ``count`` bytes of a body of a key; LimitReachedError if that is too many."""
        self._spend(self._bytes, key_name, count, "bytes")

    def _spend(self, limit: RateLimitItem, key_name: str | None, count: int, unit: str) -> None:
        if key_name is None or self._limiter.hit(limit, unit, key_name, cost=count):
            return
        reset_s = self._limiter.get_window_stats(limit, unit, key_name).reset_time - time.time()
        raise LimitReachedError(
            f"this key may send {limit.amount:,} {unit} per {limit.get_expiry()} s",
            retry_after_s=max(1, math.ceil(reset_s)),
        )
