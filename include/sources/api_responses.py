"""Parses responses of the Stack Exchange API: a page, or an error and its remedy. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from include.errors import FixSettingsError, RetryLaterError
from include.questions import Question
from include.sources.attribution import licence_at, question_link

_THROTTLE_VIOLATION: Final = 502
_TRANSIENT_ERRORS: Final = {500, 503}  # internal error, temporarily unavailable
_BAN_WAIT_S: Final = 1800.0  # the ban page does not say when it ends
_THROTTLE_WAIT_S: Final = 60.0  # if the message has no time
_SECONDS_PATTERN: Final = re.compile(r"(\d+) seconds?\b")


class TransientError(Exception):
    """A failure that an immediate retry may mend."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """
    A page of questions as the API returns it.

    Parameters
    ----------
    items : tuple of dict
        Questions, in the requested order.
    has_more : bool
        Whether the query has further pages.
    backoff_s : float
        Seconds to wait before the next request, 0 if the API sets none.
    quota_left : int or None
        Requests left today.
    """

    items: tuple[dict[str, Any], ...]
    has_more: bool
    backoff_s: float
    quota_left: int | None


def parse_response(status: int, headers: Mapping[str, str], body: bytes) -> ApiResponse:
    """
    Return the page in an HTTP response; the body decides, not the status.

    Parameters
    ----------
    status : int
    headers : mapping
        Names in lower case.
    body : bytes
        Decompressed.

    Raises
    ------
    TransientError
        For a server error, or a truncated or garbled body.
    RetryLaterError
        For throttling, an exhausted quota or a ban; ``retry_after_s`` from the response if it says.
    FixSettingsError
        For what a retry cannot mend: an unknown site or key, a wrong address of the API.
    """
    try:
        wrapper = json.loads(body)
    except ValueError:
        raise _not_json(status, headers, body) from None
    if isinstance(wrapper, dict) and "error_id" in wrapper:
        raise _error(wrapper)
    if status >= 500 or not isinstance(wrapper, dict) or "items" not in wrapper:
        raise TransientError(f"HTTP {status} without items")
    if wrapper.get("has_more") and not wrapper["items"]:
        raise TransientError("an empty page with has_more")
    return ApiResponse(
        items=tuple(wrapper["items"]),
        has_more=bool(wrapper.get("has_more")),
        backoff_s=float(wrapper.get("backoff") or 0.0),
        quota_left=wrapper.get("quota_remaining"),
    )


def _not_json(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    looks_html = body.lstrip()[:1] == b"<" or "html" in headers.get("content-type", "")
    if status >= 500 or not looks_html:
        return TransientError(f"HTTP {status} with a body that is not JSON")
    if status == 404:
        return FixSettingsError("the API's address returns 404: check STACKEXCHANGE_API_URL")
    retry_after = headers.get("retry-after", "")
    wait_s = float(retry_after) if retry_after.isdecimal() else _BAN_WAIT_S
    return RetryLaterError(f"HTTP {status} with a web page: this address is banned", wait_s)


def _error(wrapper: Mapping[str, Any]) -> Exception:
    """Return the exception for the API's own error."""
    error_id = wrapper["error_id"]
    text = f"{wrapper.get('error_name', 'error')} ({error_id}): {wrapper.get('error_message', '')}"
    if error_id == _THROTTLE_VIOLATION:
        seconds = _SECONDS_PATTERN.search(text)
        return RetryLaterError(text, float(seconds[1]) if seconds else _THROTTLE_WAIT_S)
    if error_id in _TRANSIENT_ERRORS:
        return TransientError(text)
    return FixSettingsError(
        f"{text}; check SITE, STACKEXCHANGE_KEY and STACKEXCHANGE_API_URL in the environment"
    )


def created_at(item: Mapping[str, Any]) -> int:
    """Return when the question was asked, in Unix seconds."""
    return int(item["creation_date"])


def parse_question(item: Mapping[str, Any], site: str) -> Question:
    """Return one item as a question, with the site's HTML escapes of title and author undone."""
    asked_at = datetime.fromtimestamp(created_at(item), UTC)
    question_id = int(item["question_id"])
    return Question(
        site=site,
        question_id=question_id,
        asked_at=asked_at,
        title=html.unescape(item["title"]),
        body_html=item.get("body", ""),
        tags=tuple(item["tags"]),
        score=int(item.get("score", 0)),
        view_count=int(item.get("view_count", 0)),
        answer_count=int(item.get("answer_count", 0)),
        link=item.get("link") or question_link(site, question_id),
        author=html.unescape(item.get("owner", {}).get("display_name", "")),
        licence=item.get("content_license") or licence_at(asked_at),
    )
