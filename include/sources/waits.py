"""How long a server asks to wait; every value is bounded, and one without a meaning refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_WAIT_S: Final = 86_400.0
"""The API's quota is renewed every day, so nothing needs a longer wait."""

_MIN_WAIT_S: Final = 1.0


def parse_seconds(value: object, default_s: float) -> float:
    """
    Return the seconds that a response asks to wait, at most `MAX_WAIT_S`.

    Parameters
    ----------
    value : object
        A number, or its text.
    default_s : float
        For a value that is no number of seconds: negative, not finite, or of another type.

    Examples
    --------
    >>> parse_seconds(10, 60.0), parse_seconds("1e9", 60.0), parse_seconds(-5, 60.0)
    (10.0, 86400.0, 60.0)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return default_s
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return default_s
    if math.isnan(seconds) or math.isinf(seconds) or seconds < 0:
        return default_s
    return min(seconds, MAX_WAIT_S)


def parse_retry_after(
    header: str,
    default_s: float,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> float:
    """
    Return the seconds of a ``Retry-After`` header, in 1 to `MAX_WAIT_S`.

    Parameters
    ----------
    header : str
        Seconds or an HTTP date; empty if the response has none.
    default_s : float
        For an empty or unreadable header.
    now : callable
        The time of day, aware.

    References
    ----------
    .. [1] RFC 9110, HTTP Semantics, section 10.2.3, https://www.rfc-editor.org/rfc/rfc9110
    """
    header = header.strip()
    try:
        until = parsedate_to_datetime(header)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = max((until - now()).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):
        seconds = parse_seconds(header, default_s)
    return min(max(seconds, _MIN_WAIT_S), MAX_WAIT_S)
