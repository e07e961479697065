"""Looks up tags by what somebody has typed of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Final

import msgspec

from include.questions import normalized_tag
from include.tag_names import TagNames

MAX_FOUND: Final = 25


class FoundTag(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    A tag that fits what was typed.

    ``uses`` is the number of the model's training questions that have it; ``synonym`` is the other
    name by which it was found; ``description`` is the site's, plain text by its users.
    """

    tag: str
    uses: int = 0
    synonym: str | None = None
    description: str | None = None


class TagIndex:
    """
    The tags of a model.

    Parameters
    ----------
    vocabulary : sequence of str
        Canonical tags.
    uses : mapping of str to int
        How many training questions have each tag, by the names of the time of training; models of
        earlier releases do not know it.
    names : TagNames
    descriptions : mapping of str to str
        What the site says of canonical tags.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        uses: Mapping[str, int],
        names: TagNames,
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        said = descriptions or {}
        counts: Counter[str] = Counter()
        for tag, count in uses.items():
            if (name := names.of(tag)) is not None:
                counts[name] += count
        known = set(vocabulary)
        tags = [FoundTag(tag, counts[tag], None, said.get(tag)) for tag in vocabulary]
        self._by_tag = {each.tag: each for each in tags}
        tags += [
            FoundTag(name, counts[name], synonym, said.get(name))
            for synonym, name in names.canonical.items()
            if name in known
        ]
        self._tags = sorted(tags, key=lambda each: (-each.uses, each.synonym or each.tag))

    def named(self, tags: Iterable[str]) -> list[FoundTag]:
        """Return those of the tags that the model knows, in their order."""
        return [self._by_tag[tag] for tag in tags if tag in self._by_tag]

    def find(self, text: str, limit: int) -> list[FoundTag]:
        """
        Return the tags that begin with ``text``, then those that contain it, most used first.

        Parameters
        ----------
        text : str
            As typed; white space stands for a hyphen. Every tag fits an empty one.
        limit : int
            Of tags, each of which is returned once, >= 1.
        """
        wanted = "-".join(normalized_tag(text).split())
        begin = (each for each in self._tags if _name(each).startswith(wanted))
        contain = (each for each in self._tags if wanted in _name(each)[1:])
        found: dict[str, FoundTag] = {}
        for each in chain(begin, contain):
            found.setdefault(each.tag, each)
            if len(found) == limit:
                break
        return list(islice(found.values(), limit))


def _name(found: FoundTag) -> str:
    """Return the name by which a tag is found."""
    return found.synonym or found.tag
