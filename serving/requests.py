"""What every request has: a JSON body, an id, protective headers, a line in the log."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any, Final

import msgspec
from flask import Flask, Response, g, request

from include.settings import Settings
from serving.errors import WrongMediaTypeError
from serving.request_ids import HEADER, request_id

log = logging.getLogger("serving.access")

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


class JsonResponse(Response):
    """An answer that no browser shows by itself: the page's headers would be wasted on it."""

    default_mimetype = None


def json_body() -> bytes:
    """Return the request's body; WrongMediaTypeError if it is not declared as JSON."""
    declared = request.environ.get("CONTENT_TYPE")
    if declared != "application/json" and request.mimetype != "application/json":
        raise WrongMediaTypeError("send the header 'Content-Type: application/json'")
    return request.get_data(cache=False)


def json_response(value: Any, *, status: int = 200) -> Response:
    """Return ``value`` as a JSON answer."""
    return JsonResponse(_ENCODE(value), status, JSON_HEADERS)


def register(app: Flask, settings: Settings) -> None:
    """Give every answer of ``app`` its id and headers, and write a line about it."""
    origins = {origin.strip() for origin in settings.service_cors_origins.split(",")} - {""}
    log_text = settings.service_log_text

    @app.before_request
    def begin() -> None:
        g.started = perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        headers = response.headers
        headers.add(HEADER, request_id())
        if not isinstance(response, JsonResponse):  # whatever a browser may show by itself
            headers.update(PAGE_HEADERS)
        if origins and (origin := request.headers.get("Origin")) in origins:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Methods"] = CORS_METHODS
            headers["Access-Control-Allow-Headers"] = CORS_HEADERS
            headers["Vary"] = "Origin"
        if log.isEnabledFor(logging.INFO):
            log.info("request", extra={"fields": _fields(response, log_text=log_text)})
        return response


def _fields(response: Response, *, log_text: bool) -> dict[str, Any]:
    """Return what the log says of a request; the questions themselves only if asked for."""
    fields: dict[str, Any] = {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": round((perf_counter() - g.started) * 1000, 3),
    }
    if key := g.get("key_name"):
        fields["key"] = key
    if asked := g.get("asked"):
        fields["questions"] = len(asked)
        if log_text:
            fields["asked"] = [{"title": q.title, "body": q.body} for q in asked]
    return fields
