"""Where a question names a tag: whole or in parts, in the title, the prose or the code."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.terms import code_terms, with_parts, words
from include.text.prepared import PreparedText

MENTION_FEATURES: Final = (
    "named in the title",
    "named in the text",
    "named in the code",
    "parts in the title",
    "parts in the text",
)
_LONGEST: Final = 4
"""Words in the longest run that is looked up: ``amazon web services`` has three."""


class MentionFinder:
    """
    Finds the tags of a vocabulary in a question's own words.

    A tag is named when its name stands in the text, hyphens or blanks between its words
    (``docker-compose``, ``docker compose``). Its parts count by the share that occurs anywhere.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._size = len(vocabulary)
        self._whole = {tag: column for column, tag in enumerate(vocabulary)}
        self._parts: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for column, tag in enumerate(vocabulary):
            parts = tag.split("-")
            for part in set(parts):
                self._parts[part].append((column, parts.count(part) / len(parts)))

    def find(self, text: PreparedText) -> NDArray[np.float32]:
        """Return values in [0, 1], shape (n_vocabulary, 5), columns as `MENTION_FEATURES`."""
        found = np.zeros((self._size, len(MENTION_FEATURES)), dtype=np.float32)
        title, prose = words(text.title), words(text.prose)
        for feature, terms in enumerate((_runs(title), _runs(prose), set(code_terms(text.code)))):
            for term in terms & self._whole.keys():
                found[self._whole[term], feature] = 1.0
        for feature, compounds in ((3, title), (4, prose)):
            for term in set(with_parts(compounds)) & self._parts.keys():
                for column, share in self._parts[term]:
                    found[column, feature] += share
        return found


def _runs(compounds: list[str]) -> set[str]:
    """Return every run of up to four words, joined by hyphens as tags are."""
    runs = set(compounds)
    for length in range(2, _LONGEST + 1):
        runs.update(
            "-".join(compounds[start : start + length])
            for start in range(len(compounds) - length + 1)
        )
    return runs
