"""
The part of the Stack Exchange API 2.3 that the platform uses, for simulated or given questions.

``/_sandbox`` adds ``POST``, ``GET`` and ``DELETE /_sandbox/faults`` (see ``faults.py``),
``GET /_sandbox/requests``, the log of requests to the API, and ``PUT /_sandbox/synonyms``, which
replaces the tag synonyms by a list of ``from_tag``, ``to_tag`` and ``creation_date``.
"""

from __future__ import annotations

import gzip
import html
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from include.sandbox.faults import Fault, FaultQueue
from include.sandbox.question_edits import ItemFilters, QuestionEdits
from include.sandbox.question_index import QuestionIndex
from include.sandbox.question_query import ApiError, QuestionQuery, bad_parameter, throttled
from include.sandbox.synonyms import SynonymList
from include.tag_names import TagSynonym

MAX_REQUESTS_PER_S: Final = 30  # per IP address, as on the real site
MAX_TAGS_PER_REQUEST: Final = 20  # as on the real site
_DAY_S: Final = 86_400
_BAN_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>Too many requests</title></head>"
    "<body><h1>Too many requests</h1><p>This address is blocked for a while.</p></body></html>"
)


_PageOf = Callable[[QuestionQuery, "Fault | None"], bytes]
"""Makes a page of a method's items."""


class ConnectionCut(Exception):  # noqa: N818 - an injected fault, not an error
    """Raised in the middle of a response to make the server close the connection."""


@dataclass
class SandboxApi:
    """
    The site's state: questions, quota, pending faults and request log.

    Parameters
    ----------
    site : str
        The only accepted value of the parameter ``site``.
    index : QuestionIndex
    quota : int, default=10000
        Requests per day; the real site gives 300 without a key.
    key : str or None
        The only accepted key; None accepts any, and requests without one.
    clock : callable
        Seconds, monotonic.
    synonyms : sequence of TagSynonym
        That ``/tags/synonyms`` serves; each names another tag, and when.
    descriptions : mapping of str to str
        Excerpts of tag wikis by tag, plain text; ``/tags/{tags}/wikis`` serves them.
    access_token : str or None
        The only token that may edit questions; None allows no edit.
    edit_interval_s : float, default=5.0
        Seconds from one edit to the next, at least.
    """

    site: str
    index: QuestionIndex
    quota: int = 10_000
    key: str | None = None
    clock: Callable[[], float] = time.monotonic
    faults: FaultQueue = field(default_factory=FaultQueue)
    synonyms: Sequence[TagSynonym] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)
    access_token: str | None = None
    edit_interval_s: float = 5.0

    def __post_init__(self) -> None:
        self._filters = ItemFilters()
        self._edits = QuestionEdits(
            self.index,
            self.access_token,
            self.edit_interval_s,
            lambda tag: self._synonyms.canonical(tag),
            self.clock,
        )
        self._synonyms = SynonymList(self.synonyms)
        self._quota_remaining = self.quota
        self._day_start = self.clock()
        self._blocked_until = float("-inf")
        self._request_times: deque[float] = deque()
        self._log: deque[dict[str, Any]] = deque(maxlen=10_000)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._about),
                Route("/2.3/questions", self._questions),
                Route("/2.3/filters/create", self._create_filter),
                Route("/2.3/questions/{ids}", self._questions_by_id),
                Route("/2.3/questions/{id}/edit", self._edit_question, methods=["POST"]),
                Route("/2.3/tags/synonyms", self._tag_synonyms),
                Route("/2.3/tags/{tags}/wikis", self._tag_wikis),
                Route("/2.3/{method:path}", self._no_method),
                Route("/_sandbox/faults", self._list_faults, methods=["GET"]),
                Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
                Route("/_sandbox/faults", self._clear_faults, methods=["DELETE"]),
                Route("/_sandbox/requests", self._list_requests),
                Route("/_sandbox/synonyms", self._put_synonyms, methods=["PUT"]),
            ]
        )

    async def _about(self, _: Request) -> Response:
        return JSONResponse(
            {"sandbox": True, "site": self.site, "questions": len(self.index), "api": "/2.3"}
        )

    async def _no_method(self, _: Request) -> Response:
        return _error_response(ApiError(404, "no_method", "this method cannot be called here"))

    async def _list_faults(self, _: Request) -> Response:
        return JSONResponse([fault.model_dump() for fault in self.faults.pending()])

    async def _add_fault(self, request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return Response(error.json(include_url=False), 400, media_type="application/json")
        self.faults.add(fault)
        return JSONResponse(fault.model_dump(), status_code=201)

    async def _clear_faults(self, _: Request) -> Response:
        self.faults.clear()
        return JSONResponse([])

    async def _list_requests(self, _: Request) -> Response:
        return JSONResponse(list(self._log))

    async def _put_synonyms(self, request: Request) -> Response:
        try:
            self._synonyms = SynonymList.read(await request.body())
        except ValidationError as error:
            return Response(error.json(include_url=False), 400, media_type="application/json")
        return JSONResponse({"synonyms": len(self._synonyms)})

    async def _questions(self, request: Request) -> Response:
        return self._answer(dict(request.query_params), self._page)

    async def _questions_by_id(self, request: Request) -> Response:
        params = dict(request.query_params)
        ids = request.path_params["ids"].split(";")
        unsafe = self._filters.is_unsafe(params.get("filter", ""))

        def page(_: QuestionQuery, fault: Fault | None) -> bytes:
            if unsafe is None:
                raise bad_parameter("`filter` must be one of /filters/create in this sandbox")
            found = [self.index.position_of(int(each)) for each in ids if each.isdecimal()]
            return self._wrapped_items(
                [self.index.item(i, unsafe=unsafe) for i in found if i is not None], fault
            )

        return self._answer(_without(params, "filter"), page)

    async def _edit_question(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))

        def page(_: QuestionQuery, fault: Fault | None) -> bytes:
            return self._wrapped_items([self._edits.edit(request.path_params["id"], form)], fault)

        return self._answer(_without(form, "filter", "access_token"), page)

    async def _create_filter(self, request: Request) -> Response:
        params = dict(request.query_params)

        def page(_: QuestionQuery, fault: Fault | None) -> bytes:
            return self._wrapped_items([self._filters.create(params)], fault)

        return self._answer(params | {"site": self.site}, page)

    async def _tag_synonyms(self, request: Request) -> Response:
        params = {"sort": "creation", "order": "desc"} | dict(request.query_params)
        return self._answer(params, self._synonym_page)

    async def _tag_wikis(self, request: Request) -> Response:
        tags = request.path_params["tags"].split(";")

        def page(_: QuestionQuery, fault: Fault | None) -> bytes:
            return self._wiki_page(tags, fault)

        return self._answer(dict(request.query_params), page)

    def _answer(self, params: Mapping[str, str], page: _PageOf) -> Response:
        fault: Fault | None = None
        outcome = "page"
        try:
            self._check_limits()
            fault = self.faults.take()
            outcome = fault.kind if fault else "page"
            return self._respond(params, fault, page)
        except ApiError as error:
            outcome = fault.kind if fault else error.name
            return _error_response(error)
        finally:
            self._log.append({"at": self.clock(), "query": params, "outcome": outcome})

    def _check_limits(self) -> None:
        """Count the request; ApiError if it exceeds the rate limit or the daily quota."""
        now = self.clock()
        if now < self._blocked_until:
            raise ApiError(502, "throttle_violation", "Violation of backoff parameter")
        while self._request_times and self._request_times[0] <= now - 1.0:
            self._request_times.popleft()
        self._request_times.append(now)
        if len(self._request_times) > MAX_REQUESTS_PER_S:
            raise throttled(30)
        if now - self._day_start >= _DAY_S:
            self._quota_remaining, self._day_start = self.quota, now
        if self._quota_remaining <= 0:
            raise throttled(int(self._day_start + _DAY_S - now) + 1)
        self._quota_remaining -= 1

    def _respond(self, params: Mapping[str, str], fault: Fault | None, page: _PageOf) -> Response:
        if fault is not None:
            match fault.kind:
                case "throttle":
                    raise throttled(fault.seconds)
                case "server_error":
                    raise _server_error(fault.http_status)
                case "ban_page":
                    return Response(_BAN_PAGE, fault.http_status, media_type="text/html")
                case "quota_exhausted":
                    self._quota_remaining = fault.remaining
        query = QuestionQuery.read(params, site=self.site, key=self.key)
        body = page(query, fault)
        if fault is not None and fault.kind == "cut":
            return _truncated(body)
        return _gzipped(body)

    def _page(self, query: QuestionQuery, fault: Fault | None) -> bytes:
        """Return the wrapper with one page of items."""
        selected = self.index.select(
            query.first, query.last, query.sort, descending=query.descending
        )
        start = (query.page - 1) * query.page_size
        page = selected[start : start + query.page_size]
        items = b",".join(self.index.encode(i, with_body=query.with_body) for i in page)
        if fault is not None and fault.kind == "edit" and page:
            self._edit(page, selected[start + query.page_size :])
        return self._wrapped(items, fault, has_more=start + query.page_size < len(selected))

    def _synonym_page(self, query: QuestionQuery, fault: Fault | None) -> bytes:
        """Return the wrapper with one page of synonyms."""
        page, has_more = self._synonyms.page(query)
        items = b",".join(json.dumps(item).encode() for item in page)
        return self._wrapped(items, fault, has_more=has_more)

    def _wiki_page(self, tags: Sequence[str], fault: Fault | None) -> bytes:
        """Return the wrapper with the tags' excerpts, escaped as on the site."""
        if len(tags) > MAX_TAGS_PER_REQUEST:
            raise ApiError(400, "bad_parameter", "`tags` are too many")
        found = [
            {"tag_name": tag, "excerpt": html.escape(self.descriptions[tag])}
            for tag in tags
            if tag in self.descriptions
        ]
        return self._wrapped_items(found, fault)

    def _wrapped(self, items: bytes, fault: Fault | None, *, has_more: bool) -> bytes:
        wrapper: dict[str, Any] = {"has_more": has_more}
        if fault is not None and fault.kind == "backoff":
            wrapper["backoff"] = fault.seconds
            self._blocked_until = self.clock() + fault.seconds
        wrapper |= {"quota_max": self.quota, "quota_remaining": self._quota_remaining}
        return b'{"items":[' + items + b"]," + json.dumps(wrapper).encode()[1:]

    def _wrapped_items(self, items: Sequence[Mapping[str, Any]], fault: Fault | None) -> bytes:
        return self._wrapped(json.dumps(items).encode()[1:-1], fault, has_more=False)

    def _edit(self, page: list[int], following: list[int]) -> None:
        self.index.touch(page[0])
        self.index.edit_tags((following or page)[0], "edited-meanwhile")


def _without(params: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the parameters that every method reads and the log may show."""
    return {name: value for name, value in params.items() if name not in names}


def _server_error(status: int) -> ApiError:
    if status == 503:
        return ApiError(503, "temporarily_unavailable", "the service is down for maintenance", 503)
    return ApiError(500, "internal_error", "an error occurred on the server", 500)


def _error_response(error: ApiError) -> Response:
    body = {
        "error_id": error.error_id,
        "error_name": error.name,
        "error_message": error.message,
    }
    return _gzipped(json.dumps(body).encode(), error.status)


def _gzipped(body: bytes, status: int = 200) -> Response:
    """Return JSON, always gzipped, as the real site does."""
    return Response(
        gzip.compress(body, compresslevel=1),
        status,
        headers={"Content-Encoding": "gzip"},
        media_type="application/json; charset=utf-8",
    )


def _truncated(body: bytes) -> Response:
    compressed = gzip.compress(body, compresslevel=1)

    async def half() -> AsyncIterator[bytes]:
        yield compressed[: len(compressed) // 2]
        raise ConnectionCut

    return StreamingResponse(
        half(),
        headers={"Content-Encoding": "gzip", "Content-Length": str(len(compressed))},
        media_type="application/json; charset=utf-8",
    )
