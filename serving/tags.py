"""GET /tags: the model's tags that fit what somebody has typed."""

from __future__ import annotations

from flask import Blueprint, Response, request

from include.questions import MAX_TAG_LENGTH
from serving.errors import InvalidRequestError
from serving.payloads import FoundTags
from serving.requests import json_response
from serving.service import service
from serving.tag_index import MAX_FOUND

bp = Blueprint("tags", __name__)


@bp.get("/tags")
def find_tags() -> Response:
    """Answer with the tags that begin with or contain ``text``, most used first."""
    text = request.args.get("text", "")
    if len(text) > MAX_TAG_LENGTH:
        raise InvalidRequestError(f"text: at most {MAX_TAG_LENGTH} characters", field="text")
    index = service().models.current.tag_index
    return json_response(FoundTags(index.find(text, _limit())))


def _limit() -> int:
    written = request.args.get("limit", "10")
    if not (written.isascii() and written.isdecimal() and 1 <= int(written[:9]) <= MAX_FOUND):
        raise InvalidRequestError(f"limit: a number in 1..{MAX_FOUND}", field="limit")
    return int(written)
