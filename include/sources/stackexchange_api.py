"""
Questions, tag synonyms and descriptions of tags from the Stack Exchange API 2.3, page by page.

A page is yielded before anything else is done, so that the caller can store it; only then come the
API's backoff and the check of the daily quota, both in ``api_requests.py``. Pagination is in
``keyset_pagination.py``, the meaning of responses in ``api_responses.py``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from include.errors import FixInputError
from include.questions import Question
from include.sources.api_pages import DescriptionPage, Page, SynonymPage
from include.sources.api_requests import ApiMethod, ApiRequests
from include.sources.api_responses import (
    ApiResponse,
    is_question_item,
    is_synonym_item,
    is_wiki_item,
    raw_question,
    tag_description,
    tag_synonym,
)
from include.sources.build_question import accepted_questions
from include.sources.keyset_pagination import KeysetPaginator, PageRequest
from include.sources.read_report import ReadReport

log = logging.getLogger(__name__)

# The built-in filter with bodies. It omits `total`, which is slow to compute, and contains all that
# is stored. A custom filter would save some bytes, but has to be created by another request at the
# first use of each site.
QUESTION_FILTER: Final = "withbody"
TAGS_PER_REQUEST: Final = 20  # the API's maximum of tags named in one address


@dataclass(frozen=True, slots=True)
class _Listing:
    """A method that lists items by time: path, the field that tells them apart, own parameters."""

    path: str
    key: str
    is_item: Callable[[object], bool]
    parameters: Mapping[str, str]

    def page(self, request: PageRequest) -> ApiMethod:
        return ApiMethod(self.path, self.is_item, {**_time_range(request), **self.parameters})


_QUESTIONS: Final = _Listing(
    "questions", "question_id", is_question_item, {"filter": QUESTION_FILTER}
)
_SYNONYMS: Final = _Listing("tags/synonyms", "from_tag", is_synonym_item, {})


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
        self._site = site
        self._max_bad_share = max_bad_share
        self._now = now
        self._requests = ApiRequests(
            api_url=api_url,
            site=site,
            key=key,
            quota_reserve=quota_reserve,
            requests_per_s=requests_per_s,
            session=session or requests.Session(),
            clock=clock,
            sleep=sleep,
            now=now,
        )

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
        response, attempts = self._requests.fetch(
            ApiMethod(f"tags/{named}/wikis", is_wiki_item, {})
        )
        found = dict(map(tag_description, response.items))
        described = {tag: text for tag, text in found.items() if text}
        return DescriptionPage(described, response.quota_left, attempts)

    def _pages(
        self, listing: _Listing, paginator: KeysetPaginator
    ) -> Iterator[tuple[list[dict[str, Any]], ApiResponse, int]]:
        """Yield the new items of each page, with its response and the attempts that it took."""
        while (request := paginator.next_request()) is not None:
            response, attempts = self._requests.fetch(listing.page(request))
            yield paginator.advance(response.items, has_more=response.has_more), response, attempts
            # Also after the last page: another process may fetch the next window.
            self._requests.wait()

    def latest_asked_at(self) -> datetime | None:
        """Return when the site's newest question was asked, UTC; None if it has none."""
        newest = PageRequest(first=1, last=int(self._now().timestamp()), page=1, newest_first=True)
        response, _ = self._requests.fetch(_QUESTIONS.page(newest))
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
