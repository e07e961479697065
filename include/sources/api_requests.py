"""
Requests to the Stack Exchange API: rate, retries, backoff and the daily quota.

The meaning of responses is in ``api_responses.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests

from include.errors import FixSettingsError, RetryLaterError
from include.sources.api_responses import ApiResponse, TransientError, parse_response
from include.sources.rate_limiter import RateLimiter

log = logging.getLogger(__name__)

PAGE_SIZE: Final = 100  # the API's maximum
MAX_ATTEMPTS: Final = 5
FIRST_RETRY_WAIT_S: Final = 2.0  # exponential backoff: 2, 4, 8, 16
_TIMEOUT_S: Final = (10.0, 60.0)  # to connect, between bytes
_OUTAGE_WAIT_S: Final = 120.0  # also prevents the same request twice within a minute
MAX_BACKOFF_S: Final = 300.0  # longer ones are an error, so that no process sleeps for hours
_WRONG_ADDRESS: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


@dataclass(frozen=True, slots=True)
class ApiMethod:
    """
    A method of the API.

    Parameters
    ----------
    path : str
        Below the API's root.
    is_item : callable
        Whether an item has the fields that its reader needs.
    parameters : mapping of str to (str or int)
        Of the query, besides site, key and page size.
    """

    path: str
    is_item: Callable[[object], bool]
    parameters: Mapping[str, str | int]


def send(
    session: requests.Session,
    method: str,
    url: str,
    is_item: Callable[[object], bool],
    **fields: Mapping[str, str | int],
) -> ApiResponse:
    """
    Send one request, and return what its response says.

    Parameters
    ----------
    session : requests.Session
    method, url : str
    is_item : callable
        As in `ApiMethod`.
    **fields : mapping of str to (str or int)
        ``params`` of a query, or ``data`` of a form.

    Raises
    ------
    TransientError
        If no complete response arrives, or the API or its gateway fails.
    RetryLaterError, FixSettingsError, FixInputError
        As `parse_response`; FixSettingsError for what is no address, too.
    """
    sent: dict[str, Any] = dict(fields)
    try:
        response = session.request(method, url, timeout=_TIMEOUT_S, **sent)
    except _WRONG_ADDRESS as error:
        raise FixSettingsError(f"STACKEXCHANGE_API_URL is not an address: {error}") from error
    except requests.RequestException as error:
        # The text of the error contains the URL, and with it the key.
        raise TransientError(f"no complete response ({type(error).__name__})") from None
    headers = {name.lower(): value for name, value in response.headers.items()}
    return parse_response(response.status_code, headers, response.content, is_item)


class ApiRequests:
    """
    Sends the requests of one client, one after another.

    Parameters
    ----------
    api_url, site, key, quota_reserve
        As in `StackExchangeClient`.
    requests_per_s : float
        Upper limit, in (0, 30].
    session : requests.Session
        HTTP session.
    clock, sleep : callable
        Monotonic seconds, and waiting for seconds.
    now : callable
        The time of day, aware.

    Raises
    ------
    FixSettingsError
        If the rate or the reserve is out of range.
    """

    def __init__(
        self,
        *,
        api_url: str,
        site: str,
        key: str | None,
        quota_reserve: int,
        requests_per_s: float,
        session: requests.Session,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        if not 0 < requests_per_s <= 30:
            raise FixSettingsError(f"requests_per_s must be in (0, 30], got {requests_per_s}")
        if quota_reserve < 0:
            raise FixSettingsError(f"quota_reserve must be >= 0, got {quota_reserve}")
        self._url = api_url.rstrip("/")
        self._site = site
        self._key = key
        self._reserve = quota_reserve
        self._session = session
        self._rate_limiter = RateLimiter(requests_per_s, clock, sleep)
        self._sleep = sleep
        self._now = now
        self._quota_left: int | None = None
        self._backoff_s = 0.0

    def fetch(self, method: ApiMethod) -> tuple[ApiResponse, int]:
        """
        Return the response and the number of attempts that it took, >= 1.

        Raises
        ------
        RetryLaterError
            Before anything is sent, if the quota is down to its reserve or the last response asked
            for a long backoff; for throttling, a ban, and an outage that outlasts all attempts.
        FixSettingsError
            If the site, the key or the API's address is wrong.
        """
        self._check_backoff()
        self._check_quota()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._rate_limiter.acquire()
            try:
                response = self._request(method)
            except TransientError as error:
                if attempt == MAX_ATTEMPTS:
                    raise RetryLaterError(
                        f"the API failed {MAX_ATTEMPTS} times, last: {error}", _OUTAGE_WAIT_S
                    ) from error
                wait_s = FIRST_RETRY_WAIT_S * 2 ** (attempt - 1)
                log.warning("attempt %d failed (%s); retry in %.0f s", attempt, error, wait_s)
                self._sleep(wait_s)
            else:
                self._quota_left, self._backoff_s = response.quota_left, response.backoff_s
                if 0 < response.backoff_s <= MAX_BACKOFF_S:
                    log.info("the API asks for a backoff of %.0f s", response.backoff_s)
                    self._rate_limiter.back_off(response.backoff_s)
                return response, attempt
        raise AssertionError("unreachable: the last attempt returns or raises")

    def wait(self) -> None:
        """
        Wait until a request is allowed: after the last one too, as another process may go on.

        Raises
        ------
        RetryLaterError
            If the API asks for a backoff longer than `MAX_BACKOFF_S`.
        """
        self._check_backoff()
        self._rate_limiter.wait()

    def _check_backoff(self) -> None:
        backoff_s, self._backoff_s = self._backoff_s, 0.0
        if backoff_s > MAX_BACKOFF_S:
            raise RetryLaterError(f"the API asks for a backoff of {backoff_s:.0f} s", backoff_s)

    def _check_quota(self) -> None:
        left, self._quota_left = self._quota_left, None
        if left is not None and left <= self._reserve:
            raise RetryLaterError(
                f"{left} requests of today's quota are left and {self._reserve} are kept in "
                "reserve: continue when the quota is renewed",
                retry_after_s=_seconds_to_midnight(self._now()),
            )

    def _request(self, method: ApiMethod) -> ApiResponse:
        params: dict[str, str | int] = {
            "site": self._site,
            "pagesize": PAGE_SIZE,
            **method.parameters,
        }
        if self._key:
            params["key"] = self._key
        url = f"{self._url}/{method.path}"
        return send(self._session, "GET", url, method.is_item, params=params)


def _seconds_to_midnight(now: datetime) -> float:
    """Return the seconds until the quota is renewed, at midnight UTC, plus a minute."""
    utc = now.astimezone(UTC)
    midnight = datetime(utc.year, utc.month, utc.day, tzinfo=UTC) + timedelta(days=1, minutes=1)
    return (midnight - utc).total_seconds()
