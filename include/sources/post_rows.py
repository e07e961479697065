"""A row of the Posts table; data dumps and the Data Explorer have the same column names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from include.sources.build_question import RawQuestion

COLUMNS: Final = {
    "question_id": "Id",
    "asked_at": "CreationDate",
    "title": "Title",
    "body_html": "Body",
    "tags": "Tags",
    "score": "Score",
    "view_count": "ViewCount",
    "answer_count": "AnswerCount",
    "licence": "ContentLicense",
}
"""Column of each field of `Question`; where it is null, dumps leave it out."""

TAG_WIKI_EXCERPT: Final = "4"
"""PostTypeId of the excerpt of a tag's wiki."""


def is_question(post_type: str) -> bool:
    """
    Return whether a PostTypeId is that of questions; data frames write it as ``1.0``.

    Examples
    --------
    >>> is_question("1"), is_question("1.0"), is_question("2"), is_question("")
    (True, True, False, False)
    """
    if post_type in {"1", "2"}:
        return post_type == "1"
    try:
        return math.isclose(float(post_type), 1.0)
    except ValueError:
        return False


def raw_post(row: Mapping[str, str], site: str, place: str) -> RawQuestion:
    """Return the unchecked question in a row."""
    values = {field: row.get(column) for field, column in COLUMNS.items()}
    return RawQuestion(
        place=place,
        site=site,
        names=COLUMNS,
        author=_author(row),
        tags_as_text=True,
        **values,
    )


def _author(row: Mapping[str, str]) -> str:
    """Return the author's name, which exports have for deleted accounts only, else a number."""
    if name := row.get("OwnerDisplayName"):
        return name
    number = (row.get("OwnerUserId") or "").removesuffix(".0")
    return f"user{number}" if number.lstrip("-").isdecimal() else ""
