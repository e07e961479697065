"""
Questions of a span of time from the Stack Exchange API 2.3, page by page.

A page is handed over before anything else is done, so that its caller can store it; only then
come the pause that the API asked for and the look at the day's quota. Paging is in ``keyset.py``,
the meaning of answers in ``api_answers.py``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import requests

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.questions import Question
from include.sources.api_answers import Answer, PassingFaultError, read_answer, read_question
from include.sources.keyset import Keyset, Stretch
from include.sources.pace import Pace

log = logging.getLogger(__name__)

# The built-in filter with the bodies. It leaves out `total`, which is slow to make, and holds all
# that is stored. A filter of our own would save some bytes, but would have to be created by a
# request of its own on every site's first use.
QUESTION_FILTER: Final = "withbody"
PAGE_SIZE: Final = 100  # the most the API gives
ATTEMPTS: Final = 5
FIRST_WAIT_S: Final = 2.0  # doubled after each failed attempt: 2, 4, 8, 16
_TIMEOUT_S: Final = (10.0, 60.0)  # to connect, between bytes
_OUTAGE_WAIT_S: Final = 120.0  # also keeps the same request out of the minute that it failed in
_WRONG_ADDRESS: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page of questions.

    Parameters
    ----------
    questions : tuple of Question
        By ``asked_at``, none of them in an earlier page of the same walk; may be empty.
    cursor : datetime
        Everything asked before it has been yielded: ``pages(cursor, end)`` goes on from here.
        Equal to the end once the span is done.
    quota_left : int or None
        Requests left today, as the API says.
    requests : int
        Requests that this page took, >= 1: more where attempts failed.
    """

    questions: tuple[Question, ...]
    cursor: datetime
    quota_left: int | None
    requests: int


class StackExchangeClient:
    """
    A client for one site.

    Parameters
    ----------
    api_url : str
        The API's root, such as ``https://api.stackexchange.com/2.3``.
    site : str
        The API's name of the site.
    key : str or None
        Raises the day's quota from 300 to 10,000 requests.
    quota_reserve : int, default=10
        Requests of the day's quota to leave unused, >= 0.
    requests_per_s : float, default=10.0
        Upper limit, in (0, 30]; above 30 the site bans the address.
    session : requests.Session or None
        Connections to use; a new one by default.
    clock, sleep : callable
        Monotonic seconds, and waiting for seconds.
    now : callable
        The time of day, aware.
    """

    def __init__(
        self,
        *,
        api_url: str,
        site: str,
        key: str | None = None,
        quota_reserve: int = 10,
        requests_per_s: float = 10.0,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not 0 < requests_per_s <= 30:
            raise FixSettingsError(f"requests_per_s must be in (0, 30], got {requests_per_s}")
        if quota_reserve < 0:
            raise FixSettingsError(f"quota_reserve must be >= 0, got {quota_reserve}")
        self._url = f"{api_url.rstrip('/')}/questions"
        self._site = site
        self._key = key
        self._reserve = quota_reserve
        self._session = session or requests.Session()
        self._pace = Pace(requests_per_s, clock, sleep)
        self._sleep = sleep
        self._now = now
        self._quota_left: int | None = None

    def pages(self, start: datetime, end: datetime) -> Iterator[Page]:
        """
        Yield the questions asked in [start, end), oldest first.

        Parameters
        ----------
        start, end : datetime
            Aware; whole seconds, as the API knows no smaller ones.

        Raises
        ------
        FixInputError
            If a time is naive or not a whole second.
        RetryLaterError
            For throttling, a ban, a quota down to its reserve, and an outage that outlasts the
            attempts. Pages yielded before are good: go on later from the last cursor.
        FixSettingsError
            If the site, the key or the API's address is wrong.
        """
        walk = Keyset(_unix(start), _unix(end))
        while (stretch := walk.next_stretch()) is not None:
            self._check_quota()
            answer, attempts = self._ask(stretch)
            items = walk.take(answer.items, has_more=answer.has_more)
            yield Page(
                questions=tuple(read_question(item, self._site) for item in items),
                cursor=datetime.fromtimestamp(walk.cursor, UTC),
                quota_left=answer.quota_left,
                requests=attempts,
            )
            # Also after the last page: the next window may be asked for by another process.
            self._pace.settle()

    def _check_quota(self) -> None:
        left, self._quota_left = self._quota_left, None
        if left is not None and left <= self._reserve:
            raise RetryLaterError(
                f"{left} requests of today's quota are left and {self._reserve} are kept in "
                "reserve: go on when the quota is renewed",
                retry_after_s=_seconds_to_midnight(self._now()),
            )

    def _ask(self, stretch: Stretch) -> tuple[Answer, int]:
        """Return the answer and the attempts it took; RetryLaterError after the last of them."""
        for attempt in range(1, ATTEMPTS + 1):
            self._pace.let_through()
            try:
                answer = self._request(stretch)
            except PassingFaultError as fault:
                if attempt == ATTEMPTS:
                    raise RetryLaterError(
                        f"the API failed {ATTEMPTS} times, last: {fault}", _OUTAGE_WAIT_S
                    ) from fault
                wait_s = FIRST_WAIT_S * 2 ** (attempt - 1)
                log.warning("attempt %d failed (%s); next in %.0f s", attempt, fault, wait_s)
                self._sleep(wait_s)
            else:
                self._quota_left = answer.quota_left
                if answer.backoff_s:
                    log.info("the API asks for a pause of %.0f s", answer.backoff_s)
                    self._pace.hold(answer.backoff_s)
                return answer, attempt
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _request(self, stretch: Stretch) -> Answer:
        params: dict[str, str | int] = {
            "site": self._site,
            "fromdate": stretch.first,
            "todate": stretch.last,
            "page": stretch.page,
            "pagesize": PAGE_SIZE,
            "sort": "creation",
            "order": "asc",
            "filter": QUESTION_FILTER,
        }
        if self._key:
            params["key"] = self._key
        try:
            response = self._session.get(self._url, params=params, timeout=_TIMEOUT_S)
        except _WRONG_ADDRESS as error:
            raise FixSettingsError(f"STACKEXCHANGE_API_URL is not an address: {error}") from error
        except requests.RequestException as error:
            # The text of the error holds the whole address, and with it the key.
            raise PassingFaultError(f"no whole answer ({type(error).__name__})") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return read_answer(response.status_code, headers, response.content)


def _unix(moment: datetime) -> int:
    if moment.tzinfo is None or moment.microsecond:
        raise FixInputError(f"{moment!r} must be aware and a whole second")
    return int(moment.timestamp())


def _seconds_to_midnight(now: datetime) -> float:
    """Return the seconds until the quota is renewed, at midnight UTC, and a minute more."""
    utc = now.astimezone(UTC)
    midnight = datetime(utc.year, utc.month, utc.day, tzinfo=UTC) + timedelta(days=1, minutes=1)
    return (midnight - utc).total_seconds()
