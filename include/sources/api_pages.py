"""Pages of the Stack Exchange API as `StackExchangeClient` gives them to its callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from include.questions import Question
from include.tag_names import TagSynonym


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page of questions.

    Parameters
    ----------
    questions : tuple of Question
        By ``asked_at``, none of them on an earlier page of the same iteration; may be empty.
    cursor : datetime
        Everything asked before it has been yielded: ``pages(cursor, end)`` continues from here.
        Equal to the end once the range is done.
    quota_left : int or None
        Requests left today, from the API's response.
    requests : int
        Requests made for this page, >= 1: more if attempts failed.
    """

    questions: tuple[Question, ...]
    cursor: datetime
    quota_left: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class SynonymPage:
    """
    One page of tag synonyms, in the order in which the site made them.

    Parameters
    ----------
    synonyms : tuple of TagSynonym
        None of them on an earlier page of the same iteration; may be empty.
    quota_left : int or None
        Requests left today, from the API's response.
    requests : int
        Requests made for this page, >= 1.
    """

    synonyms: tuple[TagSynonym, ...]
    quota_left: int | None
    requests: int


@dataclass(frozen=True, slots=True)
class DescriptionPage:
    """
    What the site says of some tags.

    Parameters
    ----------
    descriptions : mapping of str to str
        Plain text by tag; a tag without a description is left out.
    quota_left : int or None
        Requests left today, from the API's response.
    requests : int
        Requests made for this page, >= 1.
    """

    descriptions: Mapping[str, str]
    quota_left: int | None
    requests: int
