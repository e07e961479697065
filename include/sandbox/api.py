"""
The part of the Stack Exchange API 2.3 that the platform uses, over questions of our own.

Beside it, under ``/_sandbox``: ``POST``, ``GET`` and ``DELETE /_sandbox/faults`` (see
``faults.py``) and ``GET /_sandbox/requests``, the requests that the API was asked.
"""

from __future__ import annotations

import gzip
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from include.sandbox.archive import Archive
from include.sandbox.faults import Fault, FaultQueue
from include.sandbox.question_query import ApiError, QuestionQuery

MAX_REQUESTS_PER_S: Final = 30  # per address, as the real site has it
_DAY_S: Final = 86_400
_BAN_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>Too many requests</title></head>"
    "<body><h1>Too many requests</h1><p>This address is blocked for a while.</p></body></html>"
)


class ConnectionCut(Exception):  # noqa: N818 - it is an event, asked for, not an error
    """Raised in the middle of an answer to make the server close the connection."""


@dataclass
class SandboxApi:
    """
    The site's state: questions, quota, faults to come, and what was asked.

    Parameters
    ----------
    site : str
        The only name that requests may give as ``site``.
    archive : Archive
    quota : int, default=10000
        Requests per day; the real site gives 300 without a key.
    key : str or None
        The only key that is known; None accepts any, and none.
    clock : callable
        Seconds, monotonic.
    """

    site: str
    archive: Archive
    quota: int = 10_000
    key: str | None = None
    clock: Callable[[], float] = time.monotonic
    faults: FaultQueue = field(default_factory=FaultQueue)

    def __post_init__(self) -> None:
        self._left = self.quota
        self._day_began = self.clock()
        self._closed_until = float("-inf")
        self._recent: deque[float] = deque()
        self._log: deque[dict[str, Any]] = deque(maxlen=10_000)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._about),
                Route("/2.3/questions", self._questions),
                Route("/2.3/{method:path}", self._no_method),
                Route("/_sandbox/faults", self._list_faults, methods=["GET"]),
                Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
                Route("/_sandbox/faults", self._clear_faults, methods=["DELETE"]),
                Route("/_sandbox/requests", self._list_requests),
            ]
        )

    async def _about(self, _: Request) -> Response:
        return JSONResponse(
            {"sandbox": True, "site": self.site, "questions": len(self.archive), "api": "/2.3"}
        )

    async def _no_method(self, _: Request) -> Response:
        return _refusal(ApiError(404, "no_method", "this method cannot be called here"))

    async def _list_faults(self, _: Request) -> Response:
        return JSONResponse([fault.model_dump() for fault in self.faults.waiting()])

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

    async def _questions(self, request: Request) -> Response:
        params = dict(request.query_params)
        fault: Fault | None = None
        outcome = "page"
        try:
            self._admit()
            fault = self.faults.take()
            outcome = fault.kind if fault else "page"
            return self._answer(params, fault)
        except ApiError as error:
            outcome = fault.kind if fault else error.name
            return _refusal(error)
        finally:
            self._log.append({"at": self.clock(), "query": params, "outcome": outcome})

    def _admit(self) -> None:
        """Count the request; ApiError if the address asks too fast or has used up its day."""
        now = self.clock()
        if now < self._closed_until:
            raise ApiError(502, "throttle_violation", "Violation of backoff parameter")
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        self._recent.append(now)
        if len(self._recent) > MAX_REQUESTS_PER_S:
            raise _throttled(30)
        if now - self._day_began >= _DAY_S:
            self._left, self._day_began = self.quota, now
        if self._left <= 0:
            raise _throttled(int(self._day_began + _DAY_S - now) + 1)
        self._left -= 1

    def _answer(self, params: Mapping[str, str], fault: Fault | None) -> Response:
        if fault is not None:
            match fault.kind:
                case "throttle":
                    raise _throttled(fault.seconds)
                case "server_error":
                    raise _server_error(fault.http_status)
                case "ban_page":
                    return Response(_BAN_PAGE, fault.http_status, media_type="text/html")
                case "quota_exhausted":
                    self._left = fault.remaining
        query = QuestionQuery.read(params, site=self.site, key=self.key)
        body = self._page(query, fault)
        if fault is not None and fault.kind == "cut":
            return _cut_short(body)
        return _packed(body)

    def _page(self, query: QuestionQuery, fault: Fault | None) -> bytes:
        """Return the wrapper with one page of items."""
        chosen = self.archive.choose(
            query.first, query.last, query.sort, descending=query.descending
        )
        start = (query.page - 1) * query.page_size
        page = chosen[start : start + query.page_size]
        wrapper: dict[str, Any] = {"has_more": start + query.page_size < len(chosen)}
        if fault is not None and fault.kind == "backoff":
            wrapper["backoff"] = fault.seconds
            self._closed_until = self.clock() + fault.seconds
        wrapper |= {"quota_max": self.quota, "quota_remaining": self._left}
        items = b",".join(self.archive.encode(i, with_body=query.with_body) for i in page)
        if fault is not None and fault.kind == "edit" and page:
            self._edit(page, chosen[start + query.page_size :])
        return b'{"items":[' + items + b"]," + json.dumps(wrapper).encode()[1:]

    def _edit(self, page: list[int], following: list[int]) -> None:
        self.archive.touch(page[0])
        self.archive.edit_tags((following or page)[0], "edited-meanwhile")


def _throttled(seconds: int) -> ApiError:
    return ApiError(
        502,
        "throttle_violation",
        f"too many requests from this IP, more requests available in {seconds} seconds",
    )


def _server_error(status: int) -> ApiError:
    if status == 503:
        return ApiError(503, "temporarily_unavailable", "the service is down for maintenance", 503)
    return ApiError(500, "internal_error", "an error occurred on the server", 500)


def _refusal(error: ApiError) -> Response:
    body = {
        "error_id": error.error_id,
        "error_name": error.name,
        "error_message": error.message,
    }
    return _packed(json.dumps(body).encode(), error.status)


def _packed(body: bytes, status: int = 200) -> Response:
    """Return JSON, gzipped whatever the client accepts, as the real site does."""
    return Response(
        gzip.compress(body, compresslevel=1),
        status,
        headers={"Content-Encoding": "gzip"},
        media_type="application/json; charset=utf-8",
    )


def _cut_short(body: bytes) -> Response:
    packed = gzip.compress(body, compresslevel=1)

    async def half() -> AsyncIterator[bytes]:
        yield packed[: len(packed) // 2]
        raise ConnectionCut

    return StreamingResponse(
        half(),
        headers={"Content-Encoding": "gzip", "Content-Length": str(len(packed))},
        media_type="application/json; charset=utf-8",
    )
