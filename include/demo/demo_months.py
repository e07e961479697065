"""Choose the months that the demo works on: the last complete ones that the site serves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import requests

from include.errors import FixInputError, RetryLaterError
from include.local_stack.machine import patience_s
from include.months import add_months, month_of, month_range, months_between

MONTHS_AT_FIRST: Final = 13
MONTHS_WATCHED: Final = 3
_MONTHS: Final = MONTHS_AT_FIRST + 1 + MONTHS_WATCHED
_ANSWER_S: Final = 30.0
_QUIET_END: Final = timedelta(days=3)


@dataclass(frozen=True)
class DemoMonths:
    """
    The months of the demo.

    Parameters
    ----------
    first_months : tuple of str
        Ingested first, in order; the first models are tested on the last of them.
    next_month : str
        The month after: users ask its questions, then it is ingested, then the second models are
        tested on it.
    watched_months : tuple of str
        The months after that, in order: checked for drift, one after the other.
    """

    first_months: tuple[str, ...]
    next_month: str
    watched_months: tuple[str, ...]

    @property
    def all_months(self) -> tuple[str, ...]:
        """All of them, in order."""
        return (*self.first_months, self.next_month, *self.watched_months)


def choose_months(first_asked: datetime, last_asked: datetime) -> DemoMonths:
    """
    Return the last seventeen complete months of a site.

    Parameters
    ----------
    first_asked, last_asked : datetime
        When the site's first and last questions were asked, aware. The month of either counts as
        complete if the question is within three days of that month's edge.

    Raises
    ------
    FixInputError
        If the site has fewer.

    Examples
    --------
    >>> first, last = datetime(2017, 2, 28, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)
    >>> chosen = choose_months(first, last)
    >>> chosen.first_months[0], chosen.first_months[-1], chosen.next_month
    ('2018-08', '2019-08', '2019-09')
    >>> chosen.watched_months
    ('2019-10', '2019-11', '2019-12')
    """
    first, last = month_of(first_asked), month_of(last_asked)
    if first_asked - month_range(first)[0] > _QUIET_END:
        first = add_months(first, 1)
    if month_range(last)[1] - last_asked > _QUIET_END:
        last = add_months(last, -1)
    complete = months_between(first, last)[-_MONTHS:]
    if len(complete) < _MONTHS:
        raise FixInputError(
            f"the demo needs {_MONTHS} complete months of questions; the site has {len(complete)}, "
            f"from {first_asked:%Y-%m-%d} to {last_asked:%Y-%m-%d}"
        )
    return DemoMonths(
        first_months=complete[:MONTHS_AT_FIRST],
        next_month=complete[MONTHS_AT_FIRST],
        watched_months=complete[MONTHS_AT_FIRST + 1 :],
    )


def read_months(api_url: str, site: str) -> DemoMonths:
    """Ask the site for its first and last question, and choose the months between them."""
    return choose_months(_asked_at(api_url, site, "asc"), _asked_at(api_url, site, "desc"))


def _asked_at(api_url: str, site: str, order: str) -> datetime:
    params = {"site": site, "order": order, "sort": "creation", "pagesize": "1", "page": "1"}
    try:
        answer = requests.get(f"{api_url}/questions", params=params, timeout=patience_s(_ANSWER_S))
        items = answer.json().get("items", [])
    except (requests.RequestException, ValueError) as error:
        raise RetryLaterError(f"the site at {api_url} does not answer: {error}") from None
    if not items:
        raise FixInputError(f"the site at {api_url} has no questions of {site}: {answer.text}")
    return datetime.fromtimestamp(int(items[0]["creation_date"]), tz=UTC)
