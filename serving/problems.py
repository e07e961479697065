"""Problem documents (RFC 9457, ``application/problem+json``) for all errors."""

from __future__ import annotations

import logging
import traceback
from typing import Annotated, Final

import msgspec
from flask import Flask, Response
from msgspec import Meta
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from serving import metrics
from serving.errors import LoginNeededError, ProblemError
from serving.request_ids import request_id
from serving.service import service

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
"""Seconds after which a request that got status 503 may be sent again."""

BROWSER_CHALLENGE: Final = 'Basic realm="any name, and an API key as password", charset="UTF-8"'


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request failed; ``field`` names the field at fault, if there is one."""

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    request_id: str
    field: str | None = None


def register(app: Flask) -> None:
    """Answer every error of ``app`` with a problem document."""
    app.register_error_handler(ProblemError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(MemoryError, _out_of_memory)
    app.register_error_handler(Exception, _failed)


def problem_response(
    *,
    kind: str,
    title: str,
    status: int,
    detail: str,
    field: str | None = None,
    retry_after_s: int | None = None,
    challenge: str = "Bearer",
) -> Response:
    """Return the problem document of an error, counted by ``kind``."""
    metrics.ERRORS.labels(kind).inc()
    problem = Problem(
        type=f"urn:tagkeeper:problem:{kind}",
        title=title,
        status=status,
        detail=detail,
        request_id=request_id(),
        field=field,
    )
    response = Response(msgspec.json.encode(problem), status=status, content_type=MEDIA_TYPE)
    if status == 503 or retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s or RETRY_AFTER_S)
    if status == 401:
        response.headers["WWW-Authenticate"] = challenge
    return response


def _refused(error: ProblemError) -> Response:
    return problem_response(
        kind=error.kind,
        title=error.title,
        status=error.status,
        detail=error.detail,
        field=error.field,
        retry_after_s=error.retry_after_s,
        challenge=BROWSER_CHALLENGE if isinstance(error, LoginNeededError) else "Bearer",
    )


def _http_error(error: HTTPException) -> Response:
    """Answer errors that Flask raises: not found, wrong method, too large a body."""
    status = error.code or 500
    detail = error.description or error.name
    if isinstance(error, RequestEntityTooLarge):
        detail = "send a smaller body, or a batch in parts"
    response = problem_response(
        kind=error.name.lower().replace(" ", "_"), title=error.name, status=status, detail=detail
    )
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response


def _out_of_memory(_error: MemoryError) -> Response:
    """Answer that the machine has no memory left now: the request may do better later."""
    return problem_response(
        kind="out_of_memory",
        title="The service has no memory left",
        status=503,
        detail="send the request again later, or a batch in parts",
    )


def _failed(error: Exception) -> Response:
    # An error's own text may quote the request's: with text logging off, only where it arose.
    if service().settings.service_log_text:
        log.error("request failed", exc_info=error)
    else:
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("request failed: %s\n%s", type(error).__name__, places)
    return problem_response(
        kind="internal_error",
        title="The service failed",
        status=500,
        detail="this is a fault of the service; its log holds the error under this request_id",
    )
