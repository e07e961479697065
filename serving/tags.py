"""GET /tags: the model's tags that fit what somebody has typed, and what the site says of them."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from include.questions import MAX_TAG_LENGTH
from serving.errors import InvalidRequestError
from serving.payloads import FoundTags
from serving.requests import json_response
from serving.service import service
from serving.tag_index import MAX_FOUND, FoundTag

DESCRIPTIONS_LICENCE: Final = "CC BY-SA"
"""Licence of the descriptions, which users of the sites write; its version follows their date."""

bp = Blueprint("tags", __name__)


@bp.get("/tags")
def find_tags() -> Response:
    """Answer with the tags that begin with or contain ``text``, or those named by ``tag``."""
    text, limit, named = request.args.get("text", ""), _limit(), request.args.getlist("tag")
    if len(text) > MAX_TAG_LENGTH:
        raise InvalidRequestError(f"text: at most {MAX_TAG_LENGTH} characters", field="text")
    if len(named) > MAX_FOUND:
        raise InvalidRequestError(f"tag: at most {MAX_FOUND} tags", field="tag")
    index = service().models.current.tag_index
    return _answer(index.named(named) if named else index.find(text, limit))


def _answer(tags: list[FoundTag]) -> Response:
    described = any(each.description for each in tags)
    return json_response(FoundTags(tags, DESCRIPTIONS_LICENCE if described else None))


def _limit() -> int:
    written = request.args.get("limit", "10")
    if not (written.isascii() and written.isdecimal() and 1 <= int(written[:9]) <= MAX_FOUND):
        raise InvalidRequestError(f"limit: a number in 1..{MAX_FOUND}", field="limit")
    return int(written)
