"""
Edits questions of a site by the write route of the Stack Exchange API 2.3.

An edit sends title, body and tags as a whole, and the body as Markdown: so it is made from what
was read just before, through a filter that leaves text unescaped.

References
----------
.. [1] Stack Exchange API, https://api.stackexchange.com/docs/edit-question.
.. [2] Stack Exchange API, https://api.stackexchange.com/docs/write.
.. [3] Stack Exchange API, https://api.stackexchange.com/docs/filters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import requests

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.questions import MAX_TAGS
from include.sources.api_requests import MAX_BACKOFF_S, send
from include.sources.api_responses import (
    ApiResponse,
    TransientError,
    is_question_item,
)
from include.sources.rate_limiter import RateLimiter

_FILTER: Final = {"include": "question.body_markdown", "unsafe": "true"}
_OUTAGE_WAIT_S: Final = 120.0
_MAX_ATTEMPTS: Final = 3  # of a throttled request
_REQUESTS_PER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class EditableQuestion:
    """
    A question as an edit needs it.

    Parameters
    ----------
    question_id : int
    title, body_markdown : str
        As written: not HTML-escaped.
    tags : tuple of str
    edited_at : datetime or None
        Of the last edit; None if there was none.
    """

    question_id: int
    title: str
    body_markdown: str
    tags: tuple[str, ...]
    edited_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Call:
    """A request: its method and path, the fields of its query or form, and what items it has."""

    method: str
    path: str
    fields: Mapping[str, str]
    is_item: Callable[[object], bool] = is_question_item


class QuestionEditor:
    """
    Reads and edits single questions of one site, as the account of an access token.

    Parameters
    ----------
    api_url : str
        The API's root, such as ``https://api.stackexchange.com/2.3``.
    site : str
        The API's name of the site.
    key, access_token : str
        The API needs both to write; the token has the scope ``write_access``.
    edits_per_minute : float, default=6.0
        Upper limit, > 0. Each edit lifts its question to the site's front page, and the API asks
        for an undocumented time between them.
    session : requests.Session or None
        A new one by default.
    clock, sleep : callable
        Monotonic seconds, and waiting for seconds.
    """

    def __init__(
        self,
        *,
        api_url: str,
        site: str,
        key: str,
        access_token: str,
        edits_per_minute: float = 6.0,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if edits_per_minute <= 0:
            raise FixSettingsError(f"edits_per_minute must be > 0, got {edits_per_minute}")
        self._url = api_url.rstrip("/")
        self._login = {"key": key, "access_token": access_token}
        self._site = site
        self._session = session or requests.Session()
        self._requests = RateLimiter(_REQUESTS_PER_S, clock, sleep)
        self._edits = RateLimiter(edits_per_minute / 60, clock, sleep)
        self._filter: str | None = None
        self._backoff_s = 0.0  # of the last response

    def read(self, question_id: int) -> EditableQuestion:
        """
        Return the question as it is now.

        Raises
        ------
        FixInputError
            If the site has no such question, or the API does not return its Markdown.
        RetryLaterError
            For throttling, a ban or an outage.
        FixSettingsError
            If the site, the key or the API's address is wrong.
        """
        query = {"site": self._site, "key": self._login["key"], "filter": self._filter_name()}
        response = self._call(_Call("GET", f"questions/{question_id}", query))
        if not response.items:
            raise FixInputError(f"question {question_id} is no longer on the site")
        return _editable(response.items[0])

    def write(
        self, question: EditableQuestion, tags: Sequence[str], comment: str
    ) -> EditableQuestion:
        """
        Give a question other tags, and return it as the site then has it.

        Title and body are sent as they were read. A preview goes first, which changes nothing:
        the edit is made only if the preview has this body and these tags.

        Parameters
        ----------
        question : EditableQuestion
            As `read` returned it just before.
        tags : sequence of str
            All tags, 1 to `MAX_TAGS`.
        comment : str
            Tells the site's users what was changed and why.

        Raises
        ------
        FixInputError
            If the number of tags is another, the site rejects the edit, or a response shows
            another body or other tags.
        RetryLaterError
            For throttling, a ban, or a response that did not arrive: then it is not known whether
            the edit was made.
        FixSettingsError
            If site, key or token is wrong, or the account may not edit.
        """
        if not 1 <= len(tags) <= MAX_TAGS:
            raise FixInputError(f"a question has 1 to {MAX_TAGS} tags, got {len(tags)}")
        fields = {
            **self._login,
            "site": self._site,
            "filter": self._filter_name(),
            "title": question.title,
            "body": question.body_markdown,
            "tags": " ".join(tags),
            "comment": comment,
        }
        path = f"questions/{question.question_id}/edit"
        preview = self._call(_Call("POST", path, {**fields, "preview": "true"}))
        _checked(preview, question, tags)
        self._edits.acquire()
        try:
            response = self._send(_Call("POST", path, fields))
        except TransientError as error:
            raise RetryLaterError(
                f"{error}: question {question.question_id} may have been edited, look at it",
                _OUTAGE_WAIT_S,
            ) from None
        return _checked(response, question, tags)

    def _filter_name(self) -> str:
        """Return the filter that adds Markdown to the default fields; made at the first use."""
        if self._filter is None:
            query = {**_FILTER, "key": self._login["key"]}
            response = self._call(_Call("GET", "filters/create", query, _is_filter_item))
            if not response.items:
                raise RetryLaterError("the API made no filter", _OUTAGE_WAIT_S)
            self._filter = str(response.items[0]["filter"])
        return self._filter

    def _call(self, call: _Call) -> ApiResponse:
        """Return the response to what changes nothing, or may be sent twice."""
        try:
            return self._send(call)
        except TransientError as error:
            raise RetryLaterError(str(error), _OUTAGE_WAIT_S) from None

    def _send(self, call: _Call) -> ApiResponse:
        """Return the response, after the waits that the API asks for."""
        if self._backoff_s > MAX_BACKOFF_S:
            raise RetryLaterError(
                f"the API asks for a backoff of {self._backoff_s:.0f} s", self._backoff_s
            )
        url, fields = f"{self._url}/{call.path}", call.fields
        sent = {"params": fields} if call.method == "GET" else {"data": fields}
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            self._requests.acquire()
            try:
                response = send(self._session, call.method, url, call.is_item, **sent)
            except RetryLaterError as error:
                if attempt == _MAX_ATTEMPTS or error.retry_after_s > MAX_BACKOFF_S:
                    raise
                self._requests.back_off(error.retry_after_s)
            else:
                self._backoff_s = response.backoff_s
                self._requests.back_off(response.backoff_s)
                return response
        raise AssertionError("unreachable: the last attempt returns or raises")


def _is_filter_item(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("filter"), str)


def _editable(item: Mapping[str, Any]) -> EditableQuestion:
    title, body, tags = item.get("title"), item.get("body_markdown"), item.get("tags")
    if not (isinstance(title, str) and isinstance(body, str) and isinstance(tags, list)):
        raise FixInputError(
            f"the API returns question {item['question_id']} without title, Markdown or tags"
        )
    edited = item.get("last_edit_date")
    return EditableQuestion(
        question_id=item["question_id"],
        title=title,
        body_markdown=body,
        tags=tuple(map(str, tags)),
        edited_at=datetime.fromtimestamp(edited, UTC) if isinstance(edited, int) else None,
    )


def _checked(
    response: ApiResponse, question: EditableQuestion, tags: Sequence[str]
) -> EditableQuestion:
    """Return the question in an edit's response, if it is what was sent; spaces may differ."""
    if not response.items:
        raise FixInputError(f"the API shows no question {question.question_id} after the edit")
    edited = _editable(response.items[0])
    if sorted(edited.tags) != sorted(tags):
        raise FixInputError(
            f"the site makes {', '.join(edited.tags)} of the tags {', '.join(tags)}"
        )
    if edited.body_markdown.split() != question.body_markdown.split():
        raise FixInputError("the site shows another body than the edit, which keeps every word")
    return edited
