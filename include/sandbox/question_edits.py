"""
The sandbox site's ``/questions/{id}/edit``, and the filters by which Markdown is read.

It refuses what the real API refuses: a wrong token or key, more tags than five, edits in too short
a time, and fields that are missing. Synonyms become their canonical tags; a preview changes
nothing.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from include.questions import MAX_TAGS, is_tag
from include.sandbox.question_index import QuestionEdit, QuestionIndex
from include.sandbox.question_query import ApiError, bad_parameter, throttled

_MIN_TITLE_LENGTH: Final = 3
_MARKDOWN: Final = "question.body_markdown"


@dataclass
class ItemFilters:
    """The filters that were made: name to whether it is unsafe, which leaves text unescaped."""

    _unsafe: dict[str, bool] = field(default_factory=dict)

    def create(self, params: Mapping[str, str]) -> dict[str, Any]:
        """Return a filter that adds Markdown to the default fields; it knows no other."""
        included = params.get("include", "").split(";")
        if included != [_MARKDOWN] or params.get("base", "default") != "default":
            raise bad_parameter(f"`include` must be {_MARKDOWN} in this sandbox")
        unsafe = params.get("unsafe", "false") == "true"
        name = f"!{secrets.token_hex(4)}"
        self._unsafe[name] = unsafe
        kind = "unsafe" if unsafe else "safe"
        return {"filter": name, "filter_type": kind, "included_fields": included}

    def is_unsafe(self, name: str) -> bool | None:
        """Return whether a filter is unsafe; None for one that was not made here."""
        return self._unsafe.get(name)


@dataclass
class QuestionEdits:
    """
    Who may edit, and how often.

    Parameters
    ----------
    index : QuestionIndex
        Of the questions that are edited.
    access_token : str or None
        The only accepted token; None allows no edit.
    interval_s : float
        Seconds from one edit to the next, at least.
    canonical : callable
        Returns the tag that a tag is a synonym of, or the tag itself.
    clock : callable
        Seconds, monotonic.
    """

    index: QuestionIndex
    access_token: str | None
    interval_s: float
    canonical: Callable[[str], str]
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._next_at = float("-inf")

    def edit(self, question_id: str, form: Mapping[str, str]) -> dict[str, Any]:
        """
        Return the edited question; with ``preview`` in the form, the site's stays as it is.

        Raises
        ------
        ApiError
            As in the real API.
        """
        self._check_login(form)
        position = self.index.position_of(int(question_id)) if question_id.isdecimal() else None
        if position is None:
            raise ApiError(404, "no_method", f"no question {question_id}")
        preview = form.get("preview") == "true"
        edit = _read(form)
        edit = replace(edit, tags=tuple(dict.fromkeys(map(self.canonical, edit.tags))))
        wait_s = self._next_at - self.clock()
        if wait_s > 0 and not preview:
            raise throttled(math.ceil(wait_s))
        if not preview:
            self._next_at = self.clock() + self.interval_s
        return self.index.edit(position, edit, at=int(time.time()), preview=preview)

    def _check_login(self, form: Mapping[str, str]) -> None:
        token = form.get("access_token")
        if not token:
            raise ApiError(401, "access_token_required", "This method requires an access_token")
        if not form.get("key"):
            raise ApiError(405, "key_required", "`key` is required when `access_token` is passed")
        if token != self.access_token:
            raise ApiError(402, "invalid_access_token", "`access_token` is invalid")


def _read(form: Mapping[str, str]) -> QuestionEdit:
    title, body = form.get("title", ""), form.get("body", "")
    tags = tuple(form.get("tags", "").split())
    if len(title) < _MIN_TITLE_LENGTH or not body:
        raise ApiError(407, "write_failed", "title and body are required")
    if not 1 <= len(tags) <= MAX_TAGS or not all(map(is_tag, tags)):
        raise ApiError(407, "write_failed", f"1 to {MAX_TAGS} tags are required")
    return QuestionEdit(title, body, tags)
