"""What one request may use: processor time, time by the clock, and output."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from serving.errors import BusyError, TooMuchWorkError

MAX_HTML_CHARACTERS: Final = 1_000_000
"""Limit of all bodies of a request, rendered from Markdown; a body may have 200,000 characters."""


@dataclass(slots=True)
class Budget:
    """
    The budget of one request; made when its work begins, in the thread that does it.

    Parameters
    ----------
    cpu_s : float
        Processor seconds of this thread, > 0.
    timeout_s : float
        Seconds by the clock, > 0.
    html_characters : int
        Characters of rendered Markdown.
    """

    cpu_s: float
    timeout_s: float
    html_characters: int = MAX_HTML_CHARACTERS
    _cpu_began: float = field(default_factory=time.thread_time)
    _began: float = field(default_factory=time.monotonic)

    def check_time(self) -> None:
        """
        Return if there is time left.

        Raises
        ------
        TooMuchWorkError
            If the request has used its processor time.
        BusyError
            If it took too long because the machine is busy.
        """
        if time.thread_time() - self._cpu_began > self.cpu_s:
            raise TooMuchWorkError(
                f"the request took more than {self.cpu_s:g} s of processor time: send fewer or "
                "shorter questions"
            )
        if time.monotonic() - self._began > self.timeout_s:
            raise BusyError(f"no answer within {self.timeout_s:g} s: send the request again later")

    def spend_html(self, characters: int, *, field: str) -> None:
        """Take ``characters`` of output for ``field``; TooMuchWorkError if too few are left."""
        self.html_characters -= characters
        if self.html_characters < 0:
            raise TooMuchWorkError(
                "rendered as HTML, the Markdown of this request has more than "
                f"{MAX_HTML_CHARACTERS:,} characters: send shorter bodies, or fewer",
                field=field,
            )
