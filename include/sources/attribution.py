"""Attribution that CC BY-SA requires, for sources that do not contain it."""

from datetime import UTC, datetime
from typing import Final

# Stack Exchange changed the licence of new posts on these days.
_LICENCES: Final = (
    (datetime(2018, 5, 2, tzinfo=UTC), "CC BY-SA 4.0"),
    (datetime(2011, 4, 8, tzinfo=UTC), "CC BY-SA 3.0"),
)


def licence_at(asked_at: datetime) -> str:
    """
    Return the licence of a post of ``asked_at`` (aware).

    Examples
    --------
    >>> licence_at(datetime(2016, 1, 1, tzinfo=UTC))
    'CC BY-SA 3.0'
    """
    for since, licence in _LICENCES:
        if asked_at >= since:
            return licence
    return "CC BY-SA 2.5"
