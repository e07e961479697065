"""Limits the rate of requests, and obeys the backoff that the API asks for."""

from __future__ import annotations

from collections.abc import Callable


class RateLimiter:
    """
    Limits the rate of requests, without bursts.

    Parameters
    ----------
    requests_per_s : float
        > 0; requests are at least the inverse of this apart.
    clock : callable
        Seconds, monotonic.
    sleep : callable
        Waits for that many seconds.
    """

    def __init__(
        self,
        requests_per_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._interval_s = 1.0 / requests_per_s
        self._clock = clock
        self._sleep = sleep
        self._next_at = float("-inf")

    def back_off(self, seconds: float) -> None:
        """Allow no request for ``seconds`` from now."""
        self._next_at = max(self._next_at, self._clock() + seconds)

    def wait(self) -> None:
        """Wait until a request is allowed."""
        wait_s = self._next_at - self._clock()
        if wait_s > 0:
            self._sleep(wait_s)

    def acquire(self) -> None:
        """Wait until a request is allowed, and count it as made."""
        self.wait()
        self._next_at = self._clock() + self._interval_s
