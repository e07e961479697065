"""Parses responses of the Stack Exchange API: a page, or an error and its remedy. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.questions import is_tag, normalized_tag
from include.sources.build_question import RawQuestion
from include.sources.tag_excerpts import plain_excerpt
from include.sources.waits import parse_retry_after, parse_seconds
from include.tag_names import TagSynonym

_THROTTLE_VIOLATION: Final = 502
_TRANSIENT_ERRORS: Final = {500, 503}  # internal error, temporarily unavailable
_BAN_STATUSES: Final = {403, 429}
_BAN_WAIT_S: Final = 1800.0  # if the ban page does not say when it ends
_THROTTLE_WAIT_S: Final = 60.0  # if the message has no time
_BACKOFF_WAIT_S: Final = 60.0  # if the backoff is no number of seconds
_WRITE_FAILED: Final = 407
_LOGIN: Final = "STACKEXCHANGE_ACCESS_TOKEN (scope write_access), STACKEXCHANGE_KEY"
_TO_CHECK: Final = dict.fromkeys((401, 402, 405, 406), _LOGIN)
_NAMES: Final = {"asked_at": "creation_date", "body_html": "body", "licence": "content_license"}
_SECONDS_PATTERN: Final = re.compile(r"(\d+) seconds?\b")


class TransientError(Exception):
    """A failure that an immediate retry may mend."""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """
    A page of questions or synonyms as the API returns it.

    Parameters
    ----------
    items : tuple of dict
        In the requested order.
    has_more : bool
        Whether the query has further pages.
    backoff_s : float
        Seconds to wait before the next request, in [0, `MAX_WAIT_S`]; 0 if the API sets none.
    quota_left : int or None
        Requests left today.
    """

    items: tuple[dict[str, Any], ...]
    has_more: bool
    backoff_s: float
    quota_left: int | None


def is_question_item(item: object) -> bool:
    """Return whether an item has what pagination needs: a number and a time."""
    return _has_numbers(item, "question_id", "creation_date")


def is_synonym_item(item: object) -> bool:
    """Return whether an item has two tags and a time."""
    return _has_numbers(item, "creation_date") and all(
        isinstance(item.get(field), str) for field in ("from_tag", "to_tag")
    )


def is_wiki_item(item: object) -> bool:
    """Return whether an item names the tag that it is about."""
    return isinstance(item, dict) and isinstance(item.get("tag_name"), str)


def _has_numbers(item: object, *fields: str) -> TypeGuard[dict[str, Any]]:
    return isinstance(item, dict) and all(
        type(item.get(field)) is int and 0 < item[field] < 2**63 for field in fields
    )


def parse_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    is_item: Callable[[object], bool] = is_question_item,
) -> ApiResponse:
    """
    Return the page in an HTTP response; the body decides, not the status.

    Parameters
    ----------
    status : int
    headers : mapping
        Names in lower case.
    body : bytes
        Decompressed.
    is_item : callable
        Whether an item has the fields that pagination needs.

    Raises
    ------
    TransientError
        For a server error, or a truncated or garbled body.
    RetryLaterError
        For throttling, an exhausted quota or a ban (any 403 or 429 that is no answer of the API);
        ``retry_after_s`` from the response if it says, at most a day.
    FixSettingsError
        For what a retry cannot mend: an unknown site, key or access token, a wrong address of the
        API.
    FixInputError
        If the site rejects what was to be written.
    """
    try:
        wrapper = json.loads(body)
    except (ValueError, RecursionError):
        raise _not_json(status, headers, body) from None
    if isinstance(wrapper, dict) and "error_id" in wrapper:
        raise _error(wrapper)
    if status in _BAN_STATUSES:
        raise _ban(status, headers)
    items = wrapper.get("items") if isinstance(wrapper, dict) else None
    if status >= 500 or not isinstance(items, list) or not all(map(is_item, items)):
        raise TransientError(f"HTTP {status} without items")
    if wrapper.get("has_more") and not items:
        raise TransientError("an empty page with has_more")
    backoff, quota = wrapper.get("backoff"), wrapper.get("quota_remaining")
    return ApiResponse(
        items=tuple(items),
        has_more=bool(wrapper.get("has_more")),
        backoff_s=0.0 if backoff is None else parse_seconds(backoff, _BACKOFF_WAIT_S),
        quota_left=quota if type(quota) is int else None,
    )


def _not_json(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    if status in _BAN_STATUSES:
        return _ban(status, headers)
    looks_html = body.lstrip()[:1] == b"<" or "html" in headers.get("content-type", "")
    if status >= 500 or not looks_html:
        return TransientError(f"HTTP {status} with a body that is not JSON")
    if status == 404:
        return FixSettingsError("the API's address returns 404: check STACKEXCHANGE_API_URL")
    return _ban(status, headers)


def _ban(status: int, headers: Mapping[str, str]) -> RetryLaterError:
    """Return the error for a response in place of the API's: asking again would lengthen a ban."""
    wait_s = parse_retry_after(headers.get("retry-after", ""), _BAN_WAIT_S)
    return RetryLaterError(
        f"HTTP {status} that is no answer of the API: this address is banned for now", wait_s
    )


def _error(wrapper: Mapping[str, Any]) -> Exception:
    """Return the exception for the API's own error."""
    error_id = wrapper["error_id"]
    text = f"{wrapper.get('error_name', 'error')} ({error_id}): {wrapper.get('error_message', '')}"
    if error_id == _THROTTLE_VIOLATION:
        seconds = _SECONDS_PATTERN.search(text)
        return RetryLaterError(
            text, parse_seconds(seconds[1] if seconds else None, _THROTTLE_WAIT_S) or 1.0
        )
    if error_id in _TRANSIENT_ERRORS:
        return TransientError(text)
    if error_id == _WRITE_FAILED:
        return FixInputError(text)
    to_check = _TO_CHECK.get(error_id, "SITE, STACKEXCHANGE_KEY and STACKEXCHANGE_API_URL")
    return FixSettingsError(f"{text}; check {to_check} in the environment")


def created_at(item: Mapping[str, Any]) -> int:
    """Return when the question was asked or the synonym made, in Unix seconds."""
    return int(item["creation_date"])


def raw_question(item: Mapping[str, Any], site: str) -> RawQuestion:
    """Return one item's unchecked question, with the site's escapes of title and author undone."""
    owner = item.get("owner")
    return RawQuestion(
        place=f"question {item['question_id']} of the API",
        names=_NAMES,
        site=site,
        question_id=item["question_id"],
        asked_at=item["creation_date"],
        title=_unescaped(item.get("title")),
        body_html=item.get("body"),
        tags=item.get("tags"),
        score=item.get("score"),
        view_count=item.get("view_count"),
        answer_count=item.get("answer_count"),
        link=item.get("link"),
        author=_unescaped(owner.get("display_name")) if isinstance(owner, dict) else owner,
        licence=item.get("content_license"),
    )


def tag_synonym(item: Mapping[str, Any]) -> TagSynonym:
    """Return an item of ``/tags/synonyms``; FixInputError if it does not name two tags."""
    old, new = (normalized_tag(item[field]) for field in ("from_tag", "to_tag"))
    if not (is_tag(old) and is_tag(new)):
        raise FixInputError(f"the API's synonym of {old[:50]!r} for {new[:50]!r} names no tags")
    return TagSynonym(old, new, datetime.fromtimestamp(created_at(item), UTC))


def tag_description(item: Mapping[str, Any]) -> tuple[str, str]:
    """Return the tag and the plain excerpt of an item of ``/tags/{tags}/wikis``, empty if none."""
    excerpt = item.get("excerpt")
    text = plain_excerpt(html.unescape(excerpt)) if isinstance(excerpt, str) else ""
    return normalized_tag(item["tag_name"]), text


def _unescaped(value: object) -> object:
    return html.unescape(value) if isinstance(value, str) else value
