"""GET /openapi.json: the API description, generated from the types that validate requests."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
from flask import Blueprint, Response

from include.questions import MAX_TAG_LENGTH
from serving import payloads
from serving.problems import MEDIA_TYPE, Problem
from serving.requests import json_response
from serving.service import service
from serving.tag_index import MAX_FOUND

bp = Blueprint("openapi", __name__)

OPENAPI_VERSION: Final = "3.1.0"
INTERFACE_VERSION: Final = "1"


@bp.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document."""
    return json_response(openapi_document(needs_key=service().needs_key))


@cache
def openapi_document(*, needs_key: bool) -> dict[str, Any]:
    """Return the OpenAPI document; with ``needs_key`` it requires an API key."""
    schemas, components = payloads.schemas()
    (problem,), more = msgspec.json.schema_components(
        [Problem], ref_template="#/components/schemas/{name}"
    )
    errors = _ErrorResponses(problem, needs_key=needs_key)
    either = {"oneOf": [schemas["question"], schemas["batch"]]}
    answers = {"oneOf": [schemas["answer"], {"type": "array", "items": schemas["answer"]}]}
    paths = {
        "/predict": {
            "post": {
                "operationId": "predict",
                "summary": "Suggest tags for a question, or for up to 100 of them",
                "requestBody": _body(either),
                "responses": {
                    "200": _json("Suggested tags, best first; recorded", answers),
                    **errors(400, 415),
                },
            }
        },
        "/feedback": {
            "post": {
                "operationId": "give_feedback",
                "summary": "Record the final tags of a question; the latest feedback counts",
                "requestBody": _body(schemas["feedback"]),
                "responses": {
                    "201": _json("Recorded", schemas["feedback_recorded"]),
                    **errors(400, 404, 415),
                },
            }
        },
        "/tags": {
            "get": {
                "operationId": "find_tags",
                "summary": "Tags of the model that fit a text, most used first, or named ones",
                "parameters": [
                    _parameter(
                        "text",
                        "what was typed of a tag; all tags fit an empty text",
                        {"type": "string", "maxLength": MAX_TAG_LENGTH, "default": ""},
                    ),
                    _parameter(
                        "tag",
                        "exact name of a tag, may be repeated; takes precedence over `text`",
                        {"type": "array", "maxItems": MAX_FOUND, "items": {"type": "string"}},
                    ),
                    _parameter(
                        "limit",
                        "maximum number of tags",
                        {"type": "integer", "minimum": 1, "maximum": MAX_FOUND, "default": 10},
                    ),
                ],
                "responses": {
                    "200": _json(
                        "Tags with uses and descriptions",
                        schemas["found_tags"],
                    ),
                    **errors(400),
                },
            }
        },
        "/model": {
            "get": {
                "operationId": "show_model",
                "summary": "The served models, their training metadata, and the live indicators",
                "responses": {"200": _json("Served models", schemas["model_state"]), **errors()},
            }
        },
        "/overview": {
            "get": {
                "operationId": "overview",
                "summary": "A page for people: the state of the loop, and what needs a person",
                "responses": {
                    "200": {
                        "description": "HTML",
                        "content": {"text/html": {"schema": {"type": "string"}}},
                    },
                    **errors(),
                },
            }
        },
        "/healthz": {
            "get": _open(
                "healthz", "Whether the process answers", {"200": schemas["liveness"]}, errors
            )
        },
        "/readyz": {
            "get": _open(
                "readyz",
                "Whether questions can be answered",
                {"200": schemas["readiness"], "503": schemas["readiness"]},
                errors,
            )
        },
        "/openapi.json": {"get": _open("openapi", "This document", {"200": _OBJECT}, errors)},
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Prometheus metrics",
                "security": [],
                "responses": {
                    "200": {
                        "description": "Prometheus' text format",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **errors.without_key(),
                },
            }
        },
    }
    described: dict[str, Any] = {"schemas": {**components, **more}}
    if needs_key:
        described["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Tag suggestions",
            "version": INTERFACE_VERSION,
            "description": "Suggests tags for questions. Errors are RFC 9457 problem documents.",
        },
        "security": [{"key": []}] if needs_key else [],
        "paths": paths,
        "components": described,
    }


_OBJECT: Final = {"type": "object"}
_STATUSES: Final = {
    400: "A field is missing or wrong; `field` names it",
    401: "No API key, or an unknown one",
    404: "No such prediction",
    408: "The request did not arrive in time",
    413: "The body is too large, or takes too much output or processor time",
    415: "The body is not declared as JSON",
    429: "Too many requests, questions or bytes for this API key",
    431: "The headers are too large",
    503: "No model yet, the service is busy, or the answer cannot be recorded; see Retry-After",
}


_OF_ANY_REQUEST: Final = (408, 413, 431, 503)
"""The worker answers them before an operation is called."""


class _ErrorResponses:
    """Builds the error ``responses`` of an operation."""

    def __init__(self, problem: dict[str, Any], *, needs_key: bool) -> None:
        self._content = {MEDIA_TYPE: {"schema": problem}}
        self._with_key = (401, 429) if needs_key else ()

    def __call__(self, *statuses: int) -> dict[str, Any]:
        return self.without_key(*statuses, *self._with_key)

    def without_key(self, *statuses: int) -> dict[str, Any]:
        """Return the errors of an operation that needs no key."""
        return {
            str(status): {"description": _STATUSES[status], "content": self._content}
            for status in sorted({*statuses, *_OF_ANY_REQUEST})
        }


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _open(
    name: str, summary: str, answers: dict[str, dict[str, Any]], errors: _ErrorResponses
) -> dict[str, Any]:
    """Return an operation that needs no key and returns JSON objects."""
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            **errors.without_key(),
            **{status: _json(summary, schema) for status, schema in answers.items()},
        },
    }
