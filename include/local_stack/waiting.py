"""
Wait for a condition as long as something moves; fail when nothing has moved for too long.

A fixed limit is too short on a busy machine and too long for a real fault. Here a wait fails when
its fingerprint of progress (states, attempts, sizes of logs, rows, processor time of the work) has
not changed for a time that grows with the measured slowness of this machine.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, TypeVar

from include.errors import RetryLaterError
from include.local_stack.machine import LoadMeter, MachineLoad

T = TypeVar("T")

STANDSTILL_S: Final = 60.0
"""Default allowed standstill on a quiet machine, in seconds."""

LIMIT_S: Final = 4 * 3600.0
"""Outer bound of every wait, for what moves for ever and never ends."""

# Observing takes processor time itself: measuring the machine 20 ms, a stack's progress as much
_FIRST_LOOK_S: Final = 1.0
_OBSERVE_EVERY_S: Final = 3.0
_MEASURE_EVERY_S: Final = 10.0


@dataclass(frozen=True)
class Clock:
    """
    Time and the machine's load, as a wait sees them.

    Parameters
    ----------
    now : callable
        Returns seconds on a clock that never goes back.
    sleep : callable
        Pauses for a number of seconds.
    load : callable
        Measures the machine's load.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]
    load: Callable[[], MachineLoad]


def system_clock() -> Clock:
    """Return the clock of this machine."""
    return Clock(time.monotonic, time.sleep, LoadMeter().measure)


def wait_for(
    condition: Callable[[], T | None],
    *,
    what: str,
    progress: Callable[[], Hashable] = lambda: None,
    explain: Callable[[], str] = lambda: "",
    broken: Callable[[], bool] = lambda: False,
    standstill_s: float = STANDSTILL_S,
    limit_s: float = LIMIT_S,
    pause_s: float = 0.5,
    clock: Clock | None = None,
) -> T:
    """
    Return what ``condition`` returns as soon as it is true: an empty list counts as "not yet".

    A `RetryLaterError` of ``condition`` or ``progress`` counts as "not yet": a server that does
    not answer on a busy machine may answer later. Other errors are raised at once.

    Parameters
    ----------
    condition : callable
        What is waited for; called every ``pause_s`` seconds.
    what : str
        The sentence's subject and verb for the error, as "the first training has not ended".
    progress : callable
        A fingerprint of everything whose change shows that the work goes on. It must not contain
        what changes also if the work hangs, as the time or the heartbeat of another process.
    explain : callable
        Says after a failure what stood still, with the last lines of logs.
    broken : callable
        Whether something that the work needs is surely out of order, as a stopped process: then
        ``standstill_s`` is not prolonged on a busy machine.
    standstill_s : float
        Allowed time without progress on a quiet machine, > 0; longer on a busy one by
        `MachineLoad.factor`, which is measured again while waiting.
    limit_s : float
        Seconds after which the wait fails in any case.
    pause_s : float
        Seconds between two calls of ``condition``.
    clock : Clock or None
        None for the system's.

    Raises
    ------
    RetryLaterError
        If nothing has moved for too long. The message says what stood still, for how long, and
        whether the machine is busy.
    """
    clock = clock or system_clock()
    watch = _Watch(clock, progress, broken, standstill_s, limit_s)
    failure = ""
    while True:
        try:
            found = condition()
            if found:
                return found
            failure = ""
        except RetryLaterError as error:
            failure = str(error)
        if reason := watch.overdue():
            parts = (f"{what}: {reason}.", failure, _explained(explain), str(watch.load))
            raise RetryLaterError("\n".join(part for part in parts if part))
        clock.sleep(pause_s)


class _Watch:
    """
    Follows the progress of one wait.

    The standstill is counted in seconds of the quiet reference machine: each second counts as one
    divided by the factor that was measured last.
    """

    def __init__(
        self,
        clock: Clock,
        progress: Callable[[], Hashable],
        broken: Callable[[], bool],
        standstill_s: float,
        limit_s: float,
    ) -> None:
        self._clock = clock
        self._progress = progress
        self._broken = broken
        self._is_broken = False
        self._standstill_s = standstill_s
        self._limit_s = limit_s
        self._started = self._moved = self._measured = self._counted = clock.now()
        self._observed = float("-inf")
        self._fingerprint: Hashable = None
        self._stood_quiet_s = 0.0
        self._load: MachineLoad | None = None

    @property
    def load(self) -> MachineLoad:
        """The machine's load as measured last; most waits end before it is needed."""
        if self._load is None:
            self._load = self._clock.load()
        return self._load

    def overdue(self) -> str:
        """Return why the wait has failed, empty while it has not."""
        now = self._clock.now()
        if now - self._started < min(_FIRST_LOOK_S, self._standstill_s / 4, self._limit_s):
            return ""
        self._stood_quiet_s += (now - self._counted) / self.load.factor
        self._counted = now
        if now - self._observed >= min(_OBSERVE_EVERY_S, self._standstill_s / 4):
            self._observe(now)
        if now - self._started > self._limit_s:
            return f"it still moves after {self._limit_s:.0f} s, the limit of this wait"
        stood = now - self._moved
        if self._is_broken and stood > self._standstill_s:
            return f"nothing has moved for {stood:.0f} s"
        if self._stood_quiet_s <= self._standstill_s:
            return ""
        return (
            f"nothing has moved for {stood:.0f} s (as much as "
            f"{self._stood_quiet_s:.0f} s on a quiet machine; {self._standstill_s:.0f} are allowed)"
        )

    def _observe(self, now: float) -> None:
        """Compare the fingerprint; a server that does not answer shows no progress."""
        self._observed = now
        if now - self._measured >= _MEASURE_EVERY_S:
            self._measured, self._load = now, self._clock.load()
        try:
            # Looked at only when it would end the wait
            self._is_broken = now - self._moved > self._standstill_s and self._broken()
            fingerprint = self._progress()
        except RetryLaterError:
            return
        if fingerprint != self._fingerprint:
            self._fingerprint, self._moved, self._stood_quiet_s = fingerprint, now, 0.0


def _explained(explain: Callable[[], str]) -> str:
    """Return the explanation; its own failure must not hide the standstill."""
    try:
        return explain()
    except RetryLaterError as error:
        return str(error)
