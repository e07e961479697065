"""The names of tags: synonyms and retired tags, resolved to one canonical tag each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class TagSynonym:
    """
    A tag that the site no longer wants on questions.

    Parameters
    ----------
    from_tag : str
        By the grammar of `include.questions.is_tag`.
    to_tag : str or None
        The tag to use instead, which may be a synonym itself; None if the tag is retired. The same
        tag keeps its name.
    created_at : datetime or None
        When the site decided it, aware; None if the source does not say.
    """

    from_tag: str
    to_tag: str | None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TagNames:
    """
    What the tags of a site are called now.

    Parameters
    ----------
    canonical : mapping of str to (str or None)
        The canonical tag of each tag that is not canonical itself; None for a retired one.
    """

    canonical: Mapping[str, str | None] = field(default_factory=dict)

    def of(self, tag: str) -> str | None:
        """Return the canonical tag, None if it is retired."""
        return self.canonical.get(tag, tag)

    def of_all(self, tags: Iterable[str]) -> tuple[str, ...]:
        """
        Return the canonical tags, each once, in order, without retired ones.

        Examples
        --------
        >>> TagNames({"golang": "go", "homework": None}).of_all(["golang", "homework", "go", "c"])
        ('go', 'c')
        """
        found = tuple(tags)
        if self.canonical.keys().isdisjoint(found):
            return tuple(dict.fromkeys(found))
        named = (self.canonical.get(tag, tag) for tag in found)
        return tuple(dict.fromkeys(tag for tag in named if tag is not None))


RENAME_QUESTIONS: Final = 5
"""Edited questions from which a rename is likely."""
RENAME_SHARE: Final = 0.8
"""Share of the questions asked with a tag that must have the other one now."""


@dataclass(frozen=True, slots=True)
class LikelyRename:
    """
    A tag that people replace by another one on nearly every question.

    Parameters
    ----------
    from_tag, to_tag : str
    question_count : int
        Questions on which they did.
    asked_count : int
        All questions that were asked with ``from_tag``, >= ``question_count``.
    """

    from_tag: str
    to_tag: str
    question_count: int
    asked_count: int


def likely_renames(found: Iterable[LikelyRename]) -> list[LikelyRename]:
    """
    Return those that are frequent enough to ask a person about.

    Two tags that are edited into each other are left out: then both are in use.

    Examples
    --------
    >>> found = [LikelyRename("golang", "go", 12, 13), LikelyRename("c", "c++", 6, 90)]
    >>> [each.from_tag for each in likely_renames(found)]
    ['golang']
    """
    frequent = [
        each
        for each in found
        if each.question_count >= RENAME_QUESTIONS
        and each.question_count >= RENAME_SHARE * each.asked_count
    ]
    replaced = {(each.from_tag, each.to_tag) for each in frequent}
    return [each for each in frequent if (each.to_tag, each.from_tag) not in replaced]


def resolve_synonyms(synonyms: Mapping[str, str], retired: Collection[str]) -> TagNames:
    """
    Return the canonical tag at the end of each chain of synonyms.

    A chain that ends at a retired tag is retired as a whole; a retired tag that has a synonym is
    that synonym. In a cycle, which a site may have between two edits, no tag is the right one: the
    first in alphabetical order stands for all, so that the result is always the same.

    Parameters
    ----------
    synonyms : mapping of str to str
        Each tag's replacement; one that is its own replacement is ignored.
    retired : collection of str

    Examples
    --------
    >>> synonyms = {"k8": "k8s", "k8s": "kubernetes", "a": "b", "b": "a"}
    >>> sorted(resolve_synonyms(synonyms, {"homework"}).canonical.items())
    [('b', 'a'), ('homework', None), ('k8', 'kubernetes'), ('k8s', 'kubernetes')]
    """
    replacement = {tag: other for tag, other in synonyms.items() if tag != other}
    ends: dict[str, str] = {}
    for start in replacement:
        path: dict[str, None] = {}
        tag = start
        while tag in replacement and tag not in ends and tag not in path:
            path[tag] = None
            tag = replacement[tag]
        if tag in path:
            walked = list(path)
            end = min(walked[walked.index(tag) :])
        else:
            end = ends.get(tag, tag)
        ends.update(dict.fromkeys(path, end))
    gone = set(retired) - replacement.keys()
    canonical: dict[str, str | None] = dict.fromkeys(gone)
    canonical |= {tag: None if end in gone else end for tag, end in ends.items() if tag != end}
    return TagNames(canonical)
