"""The sandbox site's questions, as its API shows them: filtered by date and sorted."""

from __future__ import annotations

import html
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import cmarkgfm

from include.questions import Question

Sort = Literal["activity", "creation", "votes"]
_ACTIVITY_SPREAD_S: Final = 20 * 86_400


@dataclass(frozen=True, slots=True)
class _Entry:
    """A question with the times, in Unix seconds, that the API sorts by."""

    question: Question
    created: int
    active: int
    edited: int | None = None
    markdown: str | None = None  # what an edit wrote

    def key(self, sort: Sort) -> tuple[int, int]:
        first = {"activity": self.active, "creation": self.created}.get(sort, self.question.score)
        return first, self.question.question_id


@dataclass(frozen=True, slots=True)
class QuestionEdit:
    """What an edit makes of a question."""

    title: str
    body_markdown: str
    tags: tuple[str, ...]


class QuestionIndex:
    """
    All questions of one site.

    Parameters
    ----------
    questions : iterable of Question
        In any order, of one site.
    """

    def __init__(self, questions: Iterable[Question]) -> None:
        ordered = sorted(questions, key=lambda q: (q.asked_at, q.question_id))
        self._entries = [_entry(question) for question in ordered]
        self._created = [entry.created for entry in self._entries]
        self._positions = {e.question.question_id: i for i, e in enumerate(self._entries)}
        self._encoded: dict[tuple[int, bool], bytes] = {}

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self._entries)

    def select(
        self, first: int | None, last: int | None, sort: Sort, *, descending: bool
    ) -> list[int]:
        """
        Return the positions of the questions created in [first, last], in the requested order.

        Parameters
        ----------
        first, last : int or None
            Unix seconds, both included; None is no limit.
        """
        low = 0 if first is None else bisect_left(self._created, first)
        high = len(self._created) if last is None else bisect_right(self._created, last)
        selected = range(low, high)
        if sort == "creation":
            return list(reversed(selected)) if descending else list(selected)
        return sorted(selected, key=lambda i: self._entries[i].key(sort), reverse=descending)

    def encode(self, position: int, *, with_body: bool) -> bytes:
        """Return one question as the API's JSON; cached, as the same pages are requested often."""
        key = (position, with_body)
        if key not in self._encoded:
            item = _item(self._entries[position], with_body=with_body)
            self._encoded[key] = json.dumps(item, ensure_ascii=False).encode()
        return self._encoded[key]

    def position_of(self, question_id: int) -> int | None:
        """Return where the question is, None if the site has no such question."""
        return self._positions.get(question_id)

    def item(self, position: int, *, unsafe: bool) -> dict[str, Any]:
        """Return one question with its Markdown, HTML-escaped unless ``unsafe``."""
        return _item_with_markdown(self._entries[position], unsafe=unsafe)

    def edit(self, position: int, edit: QuestionEdit, *, at: int, preview: bool) -> dict[str, Any]:
        """
        Return the edited question, unescaped; a ``preview`` leaves the site's as it is.

        Parameters
        ----------
        position : int
        edit : QuestionEdit
        at : int
            Unix seconds.
        preview : bool
        """
        entry = _edited(self._entries[position], edit, at)
        if not preview:
            self._replace(position, entry)
        return _item_with_markdown(entry, unsafe=True)

    def edit_tags(self, position: int, tag: str) -> None:
        """Replace the question's last tag by ``tag``."""
        entry = self._entries[position]
        tags = (*entry.question.tags[:-1], tag)
        self._replace(position, replace(entry, question=replace(entry.question, tags=tags)))

    def touch(self, position: int) -> None:
        """Make the question the most recently active one."""
        latest = max(entry.active for entry in self._entries)
        self._replace(position, replace(self._entries[position], active=latest + 1))

    def _replace(self, position: int, entry: _Entry) -> None:
        self._entries[position] = entry
        for with_body in (False, True):
            self._encoded.pop((position, with_body), None)


def _entry(question: Question) -> _Entry:
    created = int(question.asked_at.timestamp())
    return _Entry(question, created, created + question.question_id * 7919 % _ACTIVITY_SPREAD_S)


def _edited(entry: _Entry, edit: QuestionEdit, at: int) -> _Entry:
    body = entry.question.body_html
    if edit.body_markdown != _markdown(entry):
        body = cmarkgfm.markdown_to_html(edit.body_markdown)
    question = replace(entry.question, title=edit.title, body_html=body, tags=edit.tags)
    return replace(entry, question=question, markdown=edit.body_markdown, edited=at, active=at)


def _markdown(entry: _Entry) -> str:
    """Return the body's source: HTML, which Markdown may contain, until an edit writes another."""
    return entry.question.body_html if entry.markdown is None else entry.markdown


def _item_with_markdown(entry: _Entry, *, unsafe: bool) -> dict[str, Any]:
    item = _item(entry, with_body=False)
    if unsafe:
        return item | {"title": entry.question.title, "body_markdown": _markdown(entry)}
    return item | {"body_markdown": html.escape(_markdown(entry))}


def _item(entry: _Entry, *, with_body: bool) -> dict[str, Any]:
    """Return the fields of the API's default filter, titles and names HTML-escaped as there."""
    question = entry.question
    name = question.author or f"user{question.question_id}"
    item = {
        "tags": list(question.tags),
        "owner": {"user_type": "registered", "display_name": html.escape(name)},
        "is_answered": question.answer_count > 0,
        "view_count": question.view_count,
        "answer_count": question.answer_count,
        "score": question.score,
        "last_activity_date": entry.active,
        "creation_date": entry.created,
        "question_id": question.question_id,
        "content_license": question.licence,
        "link": question.link,
        "title": html.escape(question.title),
    }
    if entry.edited is not None:
        item["last_edit_date"] = entry.edited
    return item | {"body": question.body_html} if with_body else item
