"""Requests that name a tag which the site uses and the served model cannot suggest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from include.candidates.mentions import MentionFinder
from include.store.drift_references import newest_tagged_questions, questions_asked_of_service
from include.store.questions import tag_uses
from include.text.prepare import prepare
from include.text.prepared import PreparedText

SAMPLE: Final = 1_000
"""Requests, and stored questions, whose texts are read: about a second of each."""
_WINDOW: Final = timedelta(hours=24)
_USED_WITHIN: Final = timedelta(days=90)


def share_naming_unreachable(
    connection: Connection, site: str, vocabulary: Collection[str], end: datetime
) -> float | None:
    """
    Return the share of a day's requests that name a tag which a model cannot suggest.

    Of the distinct questions asked of the service in the 24 hours before ``end``, `SAMPLE` at most.
    The tags are those of the site's questions of 90 days that are not in ``vocabulary`` and are no
    mere words; see `telling_names`.

    Parameters
    ----------
    connection : Connection
    site : str
    vocabulary : collection of str
        Of the served model, by canonical names.
    end : datetime
        Aware.

    Returns
    -------
    float or None
        In [0, 1]; None if nothing was asked.
    """
    asked = questions_asked_of_service(connection, site, end - _WINDOW, end, SAMPLE)
    if not asked:
        return None
    unreachable = tag_uses(connection, site, end - _USED_WITHIN, end).keys() - set(vocabulary)
    if not unreachable:
        return 0.0
    stored = newest_tagged_questions(connection, site, end, SAMPLE)
    tags = telling_names(
        [prepare(question.title, question.body) for question in stored],
        [question.tags for question in stored],
        unreachable,
    )
    found = named_tags([prepare(title, body) for title, body in asked], tags)
    return sum(map(bool, found)) / len(asked)


def telling_names(
    texts: Sequence[PreparedText], tags: Sequence[Collection[str]], names: Iterable[str]
) -> list[str]:
    """
    Return the names that questions bear at least as often as they only mention them, sorted.

    Others are words first: ``this`` and ``time`` are tags of Stack Overflow. A name that no
    question mentions is returned.

    Parameters
    ----------
    texts : sequence of PreparedText, length n
    tags : sequence of collections of str, length n
    names : iterable of str
        Of tags.

    Examples
    --------
    >>> texts = [PreparedText(title, "", "") for title in ("Why is this nil", "A list in swiftui")]
    >>> telling_names(texts, [("swift",), ("swiftui",)], ["this", "swiftui", "vapor"])
    ['swiftui', 'vapor']
    """
    names = sorted(names)
    balance: Counter[str] = Counter()
    for named, borne in zip(named_tags(texts, names), tags, strict=True):
        for name in named:
            balance[name] += 1 if name in borne else -1
    return [name for name in names if balance[name] >= 0]


def named_tags(texts: Iterable[PreparedText], tags: Sequence[str]) -> list[set[str]]:
    """Return for each text the tags whose whole name is in its title or prose."""
    finder = MentionFinder(tags)
    found = []
    for text in texts:
        mentions = finder.find(text)
        whole = mentions.values[:, :2].any(axis=1)
        found.append({tags[column] for column in mentions.columns[whole]})
    return found
