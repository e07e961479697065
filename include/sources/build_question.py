"""The one constructor of a `Question`: every source's unchecked fields come through here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from include.questions import Question, question_link
from include.sources.attribution import licence_at
from include.sources.fields import (
    FieldError,
    describe,
    parse_author,
    parse_body,
    parse_link,
    parse_number,
    parse_text,
    parse_time,
    parse_title,
)
from include.sources.read_report import ReadReport, Repair
from include.sources.tag_lists import parse_tags

_MAX_ID: Final = 2**63 - 1  # PostgreSQL's bigint
_MAX_COUNT: Final = 2**31 - 1  # PostgreSQL's integer
_SITE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}", re.ASCII)
_LICENCE: Final = re.compile(r"[\w .,()/+-]{1,60}")
_CLOCK_TOLERANCE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """
    The fields of a question as a source contains them, of any type; None is null.

    Parameters
    ----------
    place : str
        Where it is, for messages: ``posts.csv, line 7``.
    site, question_id, asked_at, title, body_html, tags, score, view_count, answer_count, link, \
author, licence : object
        As in `Question`.
    names : mapping of str to str
        The source's names of the fields, where they are others.
    tags_as_text : bool, default=False
        Whether the source always writes tags as one text.
    """

    place: str
    site: object
    question_id: object
    asked_at: object
    title: object
    body_html: object
    tags: object
    names: Mapping[str, str]
    score: object = None
    view_count: object = None
    answer_count: object = None
    link: object = None
    author: object = None
    licence: object = None
    tags_as_text: bool = False


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record whose fields cannot be told apart, and why."""

    place: str
    problem: str


def accepted_questions(
    records: Iterable[RawQuestion | BadRecord], report: ReadReport
) -> Iterator[Question]:
    """
    Yield the questions of a source; what cannot be repaired is refused by the report.

    Parameters
    ----------
    records : iterable of RawQuestion or BadRecord
    report : ReadReport
        Counts repairs and refusals; raises when they are too many.

    Raises
    ------
    FixInputError
        If more is refused than the report tolerates.
    """
    latest = report.latest or datetime.now(UTC) + _CLOCK_TOLERANCE
    for record in records:
        if isinstance(record, BadRecord):
            report.refuse(f"{record.place}: {record.problem}")
            continue
        try:
            question = build_question(record, report, latest)
        except FieldError as error:
            name = record.names.get(error.field, error.field)
            report.refuse(f"{record.place}: {name} {error.problem}")
        else:
            report.accepted += 1
            yield question
    report.check_share()


def build_question(raw: RawQuestion, report: ReadReport, latest: datetime) -> Question:
    """
    Return the question of checked fields.

    Raises
    ------
    FieldError
        If a field that every question needs is missing or unusable.
    """
    repairs = report.repairs
    site = raw.site
    if not isinstance(site, str):
        raise FieldError("site", f"is {describe(site)}")
    if not _SITE.fullmatch(site):
        raise FieldError("site", f"is {site[:60]!r}, not the API's name of a site")
    question_id = parse_number(raw.question_id, "question_id", repairs, 1, _MAX_ID)
    if question_id is None:
        raise FieldError("question_id", f"is {describe(raw.question_id)}")
    asked_at = parse_time(raw.asked_at, repairs, latest)
    return Question(
        site=site,
        question_id=question_id,
        asked_at=asked_at,
        title=parse_title(raw.title, repairs),
        body_html=parse_body(raw.body_html, repairs),
        tags=parse_tags(raw.tags, repairs, as_text=raw.tags_as_text),
        score=parse_number(raw.score, "score", repairs, -_MAX_COUNT, _MAX_COUNT) or 0,
        view_count=parse_number(raw.view_count, "view_count", repairs, 0, _MAX_COUNT) or 0,
        answer_count=parse_number(raw.answer_count, "answer_count", repairs, 0, _MAX_COUNT) or 0,
        link=parse_link(raw.link, question_link(site, question_id), repairs),
        author=parse_author(raw.author, repairs),
        licence=_licence(raw.licence, asked_at, report),
        fetched_at=report.fetched_at,
    )


def _licence(value: object, asked_at: datetime, report: ReadReport) -> str:
    """Return the licence's name, or the one that applied when the question was asked."""
    if value is None or value == "":
        return licence_at(asked_at)
    if isinstance(value, str) and _LICENCE.fullmatch(value):
        return parse_text(value, "licence", report.repairs, 60)
    report.repairs[Repair.LICENCE] += 1
    return licence_at(asked_at)
