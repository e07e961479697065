"""A row of the Posts table; data dumps and the Data Explorer have the same column names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from include.errors import FixInputError
from include.questions import Question
from include.sources.attribution import licence_at, question_link
from include.sources.tag_lists import split_tags

QUESTION_TYPE: Final = "1"


def read_post(row: Mapping[str, str], site: str) -> Question:
    """
    Return the question in a row.

    Times are truncated to seconds, the API's resolution: a question must give the same row from
    every source.

    Raises
    ------
    FixInputError
        If a column is missing or invalid; the message names the post.
    """
    try:
        asked_at = datetime.fromisoformat(row["CreationDate"]).replace(microsecond=0, tzinfo=UTC)
        question_id = int(row["Id"])
        return Question(
            site=site,
            question_id=question_id,
            asked_at=asked_at,
            title=row["Title"],
            body_html=row["Body"],
            tags=split_tags(row["Tags"]),
            score=int(row.get("Score") or 0),
            view_count=int(row.get("ViewCount") or 0),
            answer_count=int(row.get("AnswerCount") or 0),
            link=question_link(site, question_id),
            author=_author(row),
            licence=row.get("ContentLicense") or licence_at(asked_at),
        )
    except KeyError as error:
        raise FixInputError(f"post {row.get('Id', '?')}: {error} is missing") from error
    except ValueError as error:
        raise FixInputError(f"post {row.get('Id', '?')}: {error}") from error


def _author(row: Mapping[str, str]) -> str:
    """Return the author's name, which exports have for deleted accounts only, else a number."""
    if name := row.get("OwnerDisplayName"):
        return name
    return f"user{row['OwnerUserId']}" if row.get("OwnerUserId") else ""
