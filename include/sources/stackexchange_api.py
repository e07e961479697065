"""
Questions, tag synonyms and descriptions of tags from the Stack Exchange API 2.3, page by page.

A page is yielded before anything else is done, so that the caller can store it; only then come the
API's backoff and the check of the daily quota. Pagination is in ``keyset_pagination.py``, the
meaning of responses in ``api_responses.py``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import requests

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.questions import Question
from include.sources.api_responses import (
    ApiResponse,
    TransientError,
    is_question_item,
    is_synonym_item,
    is_wiki_item,
    parse_response,
    raw_question,
    tag_description,
    tag_synonym,
)
from include.sources.build_question import accepted_questions
from include.sources.keyset_pagination import KeysetPaginator, PageRequest
from include.sources.rate_limiter import RateLimiter
from include.sources.read_report import ReadReport
from include.tag_names import TagSynonym

log = logging.getLogger(__name__)

# The built-in filter with bodies. It omits `total`, which is slow to compute, and contains all that
# is stored. A custom filter would save some bytes, but has to be created by another request at the
# first use of each site.
QUESTION_FILTER: Final = "withbody"
PAGE_SIZE: Final = 100  # the API's maximum
TAGS_PER_REQUEST: Final = 20  # the API's maximum of tags named in one address
MAX_ATTEMPTS: Final = 5
FIRST_RETRY_WAIT_S: Final = 2.0  # exponential backoff: 2, 4, 8, 16
_TIMEOUT_S: Final = (10.0, 60.0)  # to connect, between bytes
_OUTAGE_WAIT_S: Final = 120.0  # also prevents the same request twice within a minute
MAX_BACKOFF_S: Final = 300.0  # longer ones end the iteration, so that no process sleeps for hours
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
        By ``asked_at``, none of them on an earlier page of the same iteration; may be empty.
    cursor : datetime
        Everything asked before it has been yielded: ``pages(cursor, end)`` continues from here.
        Equal to the end once the range is done.
    quota_left : int or None
        Requests left today, from the API's response.
    requests : int
        Requests made for this page, >= 1: more if attempts failed.
    """

    questions: tuple[Question, ...]
    cursor: datetime
    quota_left: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class SynonymPage:
    """
    One page of tag synonyms, in the order in which the site made them.

    Parameters
    ----------
    synonyms : tuple of TagSynonym
        None of them on an earlier page of the same iteration; may be empty.
    quota_left : int or None
        Requests left today, from the API's response.
    requests : int
        Requests made for this page, >= 1.
    """

    synonyms: tuple[TagSynonym, ...]
    quota_left: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class DescriptionPage:
    """
    What the site says of some tags.

    Parameters
    ----------
    descriptions : mapping of str to str
        Plain text by tag; a tag without a description is left out.
    quota_left : int or None
        Requests left today, from the API's response.
    requests : int
        Requests made for this page, >= 1.
    """

    descriptions: Mapping[str, str]
    quota_left: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class _Method:
    """A method of the API: path, the field that tells its items apart, own parameters."""

    path: str
    key: str
    is_item: Callable[[object], bool]
    parameters: Mapping[str, str]


_QUESTIONS: Final = _Method(
    "questions", "question_id", is_question_item, {"filter": QUESTION_FILTER}
)
_SYNONYMS: Final = _Method("tags/synonyms", "from_tag", is_synonym_item, {})


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
        Raises the daily quota from 300 to 10,000 requests.
    quota_reserve : int, default=10
        Requests of the daily quota to leave unused, >= 0.
    requests_per_s : float, default=10.0
        Upper limit, in (0, 30]; above 30 the site bans the IP address.
    max_bad_share : float, default=0.0
        Share of a page's questions that may be left out because they cannot be read, in [0, 1).
    session : requests.Session or None
        HTTP session; a new one by default.
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
        max_bad_share: float = 0.0,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not 0 < requests_per_s <= 30:
            raise FixSettingsError(f"requests_per_s must be in (0, 30], got {requests_per_s}")
        if quota_reserve < 0:
            raise FixSettingsError(f"quota_reserve must be >= 0, got {quota_reserve}")
        self._url = api_url.rstrip("/")
        self._site = site
        self._key = key
        self._reserve = quota_reserve
        self._max_bad_share = max_bad_share
        self._session = session or requests.Session()
        self._rate_limiter = RateLimiter(requests_per_s, clock, sleep)
        self._sleep = sleep
        self._now = now
        self._quota_left: int | None = None

    def pages(self, start: datetime, end: datetime) -> Iterator[Page]:
        """
        Yield the questions asked in [start, end), oldest first.

        Parameters
        ----------
        start, end : datetime
            Aware; whole seconds, the API's resolution.

        Raises
        ------
        FixInputError
            If a time is naive or not a whole second, or more questions of a page than tolerated
            cannot be read.
        RetryLaterError
            For throttling, a ban, a backoff longer than `MAX_BACKOFF_S`, a quota down to its
            reserve, and an outage that outlasts all attempts. Pages yielded before are valid:
            continue later from the last cursor.
        FixSettingsError
            If the site, the key or the API's address is wrong.
        """
        paginator = KeysetPaginator(_unix(start), _unix(end))
        for items, response, attempts in self._pages(_QUESTIONS, paginator):
            yield Page(
                questions=self._questions(items),
                cursor=datetime.fromtimestamp(paginator.cursor, UTC),
                quota_left=response.quota_left,
                requests=attempts,
            )

    def synonyms(self, start: datetime) -> Iterator[SynonymPage]:
        """
        Yield the tag synonyms made since ``start``, oldest first.

        Parameters
        ----------
        start : datetime
            Aware; a whole second.

        Raises
        ------
        FixInputError
            If the time is naive or not a whole second, or an item names no tags.
        RetryLaterError, FixSettingsError
            As `pages`.
        """
        end = int(self._now().timestamp()) + 1
        paginator = KeysetPaginator(_unix(start), end, _SYNONYMS.key)
        for items, response, attempts in self._pages(_SYNONYMS, paginator):
            yield SynonymPage(tuple(map(tag_synonym, items)), response.quota_left, attempts)

    def tag_descriptions(self, tags: Sequence[str]) -> DescriptionPage:
        """
        Return the excerpts of the tags' wikis.

        Parameters
        ----------
        tags : sequence of str
            From 1 to `TAGS_PER_REQUEST`.

        Raises
        ------
        FixInputError
            If the number of tags is another.
        RetryLaterError, FixSettingsError
            As `pages`.
        """
        if not 1 <= len(tags) <= TAGS_PER_REQUEST:
            raise FixInputError(f"1 to {TAGS_PER_REQUEST} tags per request, got {len(tags)}")
        named = ";".join(quote(tag, safe="") for tag in tags)
        self._check_quota()
        response, attempts = self._fetch(_Method(f"tags/{named}/wikis", "", is_wiki_item, {}), None)
        found = dict(map(tag_description, response.items))
        described = {tag: text for tag, text in found.items() if text}
        return DescriptionPage(described, response.quota_left, attempts)

    def _pages(
        self, method: _Method, paginator: KeysetPaginator
    ) -> Iterator[tuple[list[dict[str, Any]], ApiResponse, int]]:
        """Yield the new items of each page, with its response and the attempts that it took."""
        while (request := paginator.next_request()) is not None:
            self._check_quota()
            response, attempts = self._fetch(method, request)
            yield paginator.advance(response.items, has_more=response.has_more), response, attempts
            if response.backoff_s > MAX_BACKOFF_S:
                raise RetryLaterError(
                    f"the API asks for a backoff of {response.backoff_s:.0f} s", response.backoff_s
                )
            # Also after the last page: another process may fetch the next window.
            self._rate_limiter.wait()

    def latest_asked_at(self) -> datetime | None:
        """Return when the site's newest question was asked, UTC; None if it has none."""
        newest = PageRequest(first=1, last=int(self._now().timestamp()), page=1, newest_first=True)
        self._check_quota()
        response, _ = self._fetch(_QUESTIONS, newest)
        if not response.items:
            return None
        return datetime.fromtimestamp(int(response.items[0]["creation_date"]), UTC)

    def _questions(self, items: Sequence[Mapping[str, Any]]) -> tuple[Question, ...]:
        report = ReadReport(max_bad_share=self._max_bad_share)
        raw = (raw_question(item, self._site) for item in items)
        questions = tuple(accepted_questions(raw, report))
        for line in report.summary():
            log.info("page of %d: %s", len(items), line)
        return questions

    def _check_quota(self) -> None:
        left, self._quota_left = self._quota_left, None
        if left is not None and left <= self._reserve:
            raise RetryLaterError(
                f"{left} requests of today's quota are left and {self._reserve} are kept in "
                "reserve: continue when the quota is renewed",
                retry_after_s=_seconds_to_midnight(self._now()),
            )

    def _fetch(self, method: _Method, request: PageRequest | None) -> tuple[ApiResponse, int]:
        """Return the response and the number of attempts; RetryLaterError if all of them failed."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._rate_limiter.acquire()
            try:
                response = self._request(method, request)
            except TransientError as error:
                if attempt == MAX_ATTEMPTS:
                    raise RetryLaterError(
                        f"the API failed {MAX_ATTEMPTS} times, last: {error}", _OUTAGE_WAIT_S
                    ) from error
                wait_s = FIRST_RETRY_WAIT_S * 2 ** (attempt - 1)
                log.warning("attempt %d failed (%s); retry in %.0f s", attempt, error, wait_s)
                self._sleep(wait_s)
            else:
                self._quota_left = response.quota_left
                if 0 < response.backoff_s <= MAX_BACKOFF_S:
                    log.info("the API asks for a backoff of %.0f s", response.backoff_s)
                    self._rate_limiter.back_off(response.backoff_s)
                return response, attempt
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _request(self, method: _Method, request: PageRequest | None) -> ApiResponse:
        params: dict[str, str | int] = {
            "site": self._site,
            "pagesize": PAGE_SIZE,
            **(_time_range(request) if request else {}),
            **method.parameters,
        }
        if self._key:
            params["key"] = self._key
        try:
            response = self._session.get(
                f"{self._url}/{method.path}", params=params, timeout=_TIMEOUT_S
            )
        except _WRONG_ADDRESS as error:
            raise FixSettingsError(f"STACKEXCHANGE_API_URL is not an address: {error}") from error
        except requests.RequestException as error:
            # The text of the error contains the URL, and with it the key.
            raise TransientError(f"no complete response ({type(error).__name__})") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return parse_response(response.status_code, headers, response.content, method.is_item)


def _time_range(request: PageRequest) -> dict[str, str | int]:
    """Return the parameters of a page of a time range."""
    return {
        "fromdate": request.first,
        "todate": request.last,
        "page": request.page,
        "sort": "creation",
        "order": "desc" if request.newest_first else "asc",
    }


def _unix(moment: datetime) -> int:
    if moment.tzinfo is None or moment.microsecond:
        raise FixInputError(f"{moment!r} must be aware and a whole second")
    return int(moment.timestamp())


def _seconds_to_midnight(now: datetime) -> float:
    """Return the seconds until the quota is renewed, at midnight UTC, plus a minute."""
    utc = now.astimezone(UTC)
    midnight = datetime(utc.year, utc.month, utc.day, tzinfo=UTC) + timedelta(days=1, minutes=1)
    return (midnight - utc).total_seconds()
