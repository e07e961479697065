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


def question_link(site: str, question_id: int) -> str:
    """
    Return the question's address; ``site`` is the API's name or a full host name.

    Examples
    --------
    >>> question_link("devops.stackexchange", 7), question_link("askubuntu.com", 7)
    ('https://devops.stackexchange.com/q/7', 'https://askubuntu.com/q/7')
    """
    host = site if site.endswith((".com", ".net", ".org")) else f"{site}.com"
    return f"https://{host}/q/{question_id}"
