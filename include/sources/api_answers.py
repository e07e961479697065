"""Reads what the Stack Exchange API answered: a page, or an error and what to do. Pure."""

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

_THROTTLE: Final = 502
_PASSING: Final = {500, 503}  # internal error, temporarily unavailable
_BAN_WAIT_S: Final = 1800.0  # a ban says nothing about its end
_THROTTLE_WAIT_S: Final = 60.0  # where the message names no time
_SECONDS: Final = re.compile(r"(\d+) seconds?\b")


class PassingFaultError(Exception):
    """The request got no proper answer: worth another try at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A good page as the API gives it.

    Parameters
    ----------
    items : tuple of dict
        Questions, in the order asked for.
    has_more : bool
        The query has further pages.
    backoff_s : float
        Seconds to wait before the next request, 0 if none are asked for.
    quota_left : int or None
        Requests left today.
    """

    items: tuple[dict[str, Any], ...]
    has_more: bool
    backoff_s: float
    quota_left: int | None


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """
    Return the page in an HTTP answer; the body counts, not the status.

    Parameters
    ----------
    status : int
    headers : mapping
        Names in lower case.
    body : bytes
        Unpacked.

    Raises
    ------
    PassingFaultError
        For a fault of the server, or a body that was cut or garbled.
    RetryLaterError
        For throttling, a used-up quota or a ban; ``retry_after_s`` as far as the answer says it.
    FixSettingsError
        For what no retry mends: an unknown site or key, a wrong address of the API.
    """
    try:
        wrapper = json.loads(body)
    except ValueError:
        raise _not_json(status, headers, body) from None
    if isinstance(wrapper, dict) and "error_id" in wrapper:
        raise _error(wrapper)
    if status >= 500 or not isinstance(wrapper, dict) or "items" not in wrapper:
        raise PassingFaultError(f"HTTP {status} without items")
    if wrapper.get("has_more") and not wrapper["items"]:
        raise PassingFaultError("an empty page that claims to have more")
    return Answer(
        items=tuple(wrapper["items"]),
        has_more=bool(wrapper.get("has_more")),
        backoff_s=float(wrapper.get("backoff") or 0.0),
        quota_left=wrapper.get("quota_remaining"),
    )


def _not_json(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    looks_html = body.lstrip()[:1] == b"<" or "html" in headers.get("content-type", "")
    if status >= 500 or not looks_html:
        return PassingFaultError(f"HTTP {status} with a body that is not JSON")
    if status == 404:
        return FixSettingsError("the API's address answers 404: check STACKEXCHANGE_API_URL")
    asked = headers.get("retry-after", "")
    wait_s = float(asked) if asked.isdecimal() else _BAN_WAIT_S
    return RetryLaterError(f"HTTP {status} with a web page: this address is banned", wait_s)


def _error(wrapper: Mapping[str, Any]) -> Exception:
    """Return the exception for the API's own error."""
    error_id = wrapper["error_id"]
    text = f"{wrapper.get('error_name', 'error')} ({error_id}): {wrapper.get('error_message', '')}"
    if error_id == _THROTTLE:
        named = _SECONDS.search(text)
        return RetryLaterError(text, float(named[1]) if named else _THROTTLE_WAIT_S)
    if error_id in _PASSING:
        return PassingFaultError(text)
    return FixSettingsError(
        f"{text}; check SITE, STACKEXCHANGE_KEY and STACKEXCHANGE_API_URL in the environment"
    )


def created_at(item: Mapping[str, Any]) -> int:
    """Return when the question was asked, in Unix seconds."""
    return int(item["creation_date"])


def read_question(item: Mapping[str, Any], site: str) -> Question:
    """Return one item as a question; what the site HTML-escaped is unescaped once."""
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
