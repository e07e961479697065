"""What all endpoints share: JSON bodies, request ids, security headers, the access log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from flask import Flask, Request, Response, g, request
from flask.globals import app_ctx
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import MapAdapter

from include.settings import Settings
from serving.access_log import AccessLog, access_line
from serving.errors import WrongMediaTypeError
from serving.request_ids import HEADER, request_id
from serving.service import service

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
)
JSON_HEADERS: Final = (
    ("Content-Type", "application/json"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)
CORS_METHODS: Final = "GET, POST, OPTIONS"
CORS_HEADERS: Final = "Authorization, Content-Type, X-Request-ID"
_ENCODE: Final = msgspec.json.Encoder().encode
_MAX_LENGTH_DIGITS: Final = 18


class JsonResponse(Response):
    """A JSON response; it needs none of the headers that documents in a browser have."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__(body, status, JSON_HEADERS)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send head and body as they are: no part of them depends on the request, but for HEAD."""
        if environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return cast(Iterable[bytes], self.response)


def json_body() -> bytes:
    """
    Return the request's body.

    Raises
    ------
    WrongMediaTypeError
        If it is not declared as JSON.
    RequestEntityTooLarge
        If it is larger than allowed, also if it came in chunks and declared no length.
    LimitReachedError
        If the key has sent too many bytes.
    """
    environ, state = request.environ, service()
    declared = environ.get("CONTENT_TYPE")
    if declared != "application/json" and request.mimetype != "application/json":
        raise WrongMediaTypeError("send the header 'Content-Type: application/json'")
    length = environ.get("CONTENT_LENGTH", "")
    if (
        length.isdecimal()
        and len(length) <= _MAX_LENGTH_DIGITS
        and int(length) <= state.settings.service_max_body_bytes
    ):
        body: bytes = environ["wsgi.input"].read(int(length))
    else:
        body = _body_of_unknown_length()
    state.quotas.spend_bytes(app_ctx.g.get("key_name"), len(body))
    return body


def _body_of_unknown_length() -> bytes:
    """Return the body, or raise RequestEntityTooLarge."""
    limit = request.max_content_length
    body = request.get_data(cache=False)
    # werkzeug ends a body of unknown length at the limit, as if there were no more.
    cut = limit is not None and request.content_length is None and len(body) >= limit
    if cut and (len(body) > (limit or 0) or request.environ["wsgi.input"].read(1)):
        raise RequestEntityTooLarge
    return body


def json_response(value: Any, *, status: int = 200) -> Response:
    """Return ``value`` as a JSON response."""
    return JsonResponse(_ENCODE(value), status)


class App(Flask):
    """
    Flask that matches requests by path and method, whatever a client says of host or root.

    Its views and hooks are plain functions: it runs no coroutines.
    """

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``; Flask would look for a coroutine in each view and hook of a request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter that matches the request by path and method, whatever its host."""
        if request is None:
            return super().create_url_adapter(request)
        return self.url_map.bind(
            "localhost",
            script_name="",  # what a client may say about it is not believed
            url_scheme=request.environ["wsgi.url_scheme"],
            default_method=request.method,
            path_info=request.path,
            query_args=request.environ.get("QUERY_STRING"),
        )


def register(app: Flask, settings: Settings, access_log: AccessLog) -> None:
    """Give every response of ``app`` its id and headers, and add a line to the access log."""
    origins = {origin.strip() for origin in settings.service_cors_origins.split(",")} - {""}
    log_text = settings.service_log_text

    @app.before_request
    def begin() -> None:
        g.started = perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        headers, environ = response.headers, request.environ
        found, values = request_id(), app_ctx.g
        headers.add(HEADER, found)
        if not isinstance(response, JsonResponse):  # a document that a browser may show
            for name, value in PAGE_HEADERS:
                headers.setdefault(name, value)
        if origins and (origin := environ.get("HTTP_ORIGIN")) in origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Methods"] = CORS_METHODS
            headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            headers["Vary"] = "Origin"
        if access_log.enabled:
            line = access_line(
                request_id=found,
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                status=response.status_code,
                seconds=perf_counter() - values.started,
                key=values.get("key_name"),
                questions=values.get("questions"),
                log_text=log_text,
            )
            access_log.add(line)
        return response
