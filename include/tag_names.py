"""The names of tags: synonyms and retired tags, resolved to one canonical tag each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TagSynonym:
    """
    A tag that the site no longer wants on questions.

    Parameters
    ----------
    from_tag : str
        By the grammar of `include.questions.is_tag`.
    to_tag : str or None
        The tag to use instead, which may be a synonym itself; None if the tag is retired.
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
