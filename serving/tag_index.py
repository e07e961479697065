"""Looks up tags by what somebody has typed of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
    name by which it was found.
    """

    tag: str
    uses: int = 0
    synonym: str | None = None


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
    """

    def __init__(self, vocabulary: Sequence[str], uses: Mapping[str, int], names: TagNames) -> None:
        counts: Counter[str] = Counter()
        for tag, count in uses.items():
            if (name := names.of(tag)) is not None:
                counts[name] += count
        known = set(vocabulary)
        tags = [FoundTag(tag, counts[tag]) for tag in vocabulary]
        tags += [
            FoundTag(name, counts[name], synonym)
            for synonym, name in names.canonical.items()
            if name in known
        ]
        self._tags = sorted(tags, key=lambda each: (-each.uses, each.synonym or each.tag))

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
