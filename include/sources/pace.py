"""Keeps requests apart, and obeys the pauses that the API asks for."""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """
    Lets requests through one by one.

    Parameters
    ----------
    requests_per_s : float
        > 0; requests are kept at least this far apart, so there are no bursts.
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
        self._gap_s = 1.0 / requests_per_s
        self._clock = clock
        self._sleep = sleep
        self._next_at = float("-inf")

    def hold(self, seconds: float) -> None:
        """Let no request through for ``seconds`` from now."""
        self._next_at = max(self._next_at, self._clock() + seconds)

    def settle(self) -> None:
        """Wait until a request would be let through."""
        wait_s = self._next_at - self._clock()
        if wait_s > 0:
            self._sleep(wait_s)

    def let_through(self) -> None:
        """Wait for the next request's turn and take it."""
        self.settle()
        self._next_at = self._clock() + self._gap_s
