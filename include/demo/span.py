"""Chooses the months that the demo works on: the last whole ones that the site serves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import requests

from include.errors import FixInputError, RetryLaterError
from include.months import add_months, month_of, month_range, months_between

MONTHS_AT_FIRST: Final = 13
MONTHS_WATCHED: Final = 3
_MONTHS: Final = MONTHS_AT_FIRST + 1 + MONTHS_WATCHED
_QUIET_END: Final = timedelta(days=3)


@dataclass(frozen=True)
class Span:
    """
    The months of the story.

    Parameters
    ----------
    first_months : tuple of str
        Ingested at first, in order; the last of them tests the first models.
    next_month : str
        The month after: asked about by users, then ingested, then the test of the second models.
    watched_months : tuple of str
        The months after that, in order: checked for drift, one after the other.
    """

    first_months: tuple[str, ...]
    next_month: str
    watched_months: tuple[str, ...]

    @property
    def months(self) -> tuple[str, ...]:
        """All of them, in order."""
        return (*self.first_months, self.next_month, *self.watched_months)


def choose_span(first_asked: datetime, last_asked: datetime) -> Span:
    """
    Return the last seventeen months of a site that are whole.

    Parameters
    ----------
    first_asked, last_asked : datetime
        When the site's first and last questions were asked, aware. Either's month counts as whole
        if the question is within three days of that month's edge.

    Raises
    ------
    FixInputError
        If there are fewer.

    Examples
    --------
    >>> span = choose_span(datetime(2017, 2, 28, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC))
    >>> span.first_months[0], span.first_months[-1], span.next_month
    ('2018-08', '2019-08', '2019-09')
    >>> span.watched_months
    ('2019-10', '2019-11', '2019-12')
    """
    first, last = month_of(first_asked), month_of(last_asked)
    if first_asked - month_range(first)[0] > _QUIET_END:
        first = add_months(first, 1)
    if month_range(last)[1] - last_asked > _QUIET_END:
        last = add_months(last, -1)
    whole = months_between(first, last)[-_MONTHS:]
    if len(whole) < _MONTHS:
        raise FixInputError(
            f"the demo needs {_MONTHS} whole months of questions; the site has {len(whole)}, "
            f"from {first_asked:%Y-%m-%d} to {last_asked:%Y-%m-%d}"
        )
    return Span(
        first_months=whole[:MONTHS_AT_FIRST],
        next_month=whole[MONTHS_AT_FIRST],
        watched_months=whole[MONTHS_AT_FIRST + 1 :],
    )


def read_span(api_url: str, site: str) -> Span:
    """Ask the site for its first and last question, and choose the months between them."""
    return choose_span(_asked_at(api_url, site, "asc"), _asked_at(api_url, site, "desc"))


def _asked_at(api_url: str, site: str, order: str) -> datetime:
    asked = {"site": site, "order": order, "sort": "creation", "pagesize": "1", "page": "1"}
    try:
        answer = requests.get(f"{api_url}/questions", params=asked, timeout=30)
        items = answer.json().get("items", [])
    except (requests.RequestException, ValueError) as error:
        raise RetryLaterError(f"the site at {api_url} does not answer: {error}") from None
    if not items:
        raise FixInputError(f"the site at {api_url} has no questions of {site}: {answer.text}")
    return datetime.fromtimestamp(int(items[0]["creation_date"]), tz=UTC)
