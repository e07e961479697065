"""A question, as every source yields it and the database stores it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Question:
    """
    One question of a Stack Exchange site.

    Parameters
    ----------
    site : str
        The API's name of the site, such as ``stackoverflow`` or ``devops.stackexchange``.
    question_id : int
        Unique within the site, > 0.
    asked_at : datetime
        Aware, UTC.
    title : str
        Unescaped: ``a < b``, not ``a &lt; b``.
    body_html : str
        As rendered by the site.
    tags : tuple of str
        In the site's order; empty only in damaged sources.
    score, view_count, answer_count : int
        At ``fetched_at``: they change with time, so never filter or train on them.
    link, author, licence : str
        The attribution that CC BY-SA requires; empty where the source has none.
    fetched_at : datetime or None
        When the question was fetched; None is the time of storing.
    """

    site: str
    question_id: int
    asked_at: datetime
    title: str
    body_html: str
    tags: tuple[str, ...]
    score: int = 0
    view_count: int = 0
    answer_count: int = 0
    link: str = ""
    author: str = ""
    licence: str = ""
    fetched_at: datetime | None = None
