"""Where a question names a tag: whole or in parts, in the title, the prose or the code."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.terms import question_terms
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
        self._beginnings = {
            tag[:place] for tag in vocabulary for place, sign in enumerate(tag) if sign == "-"
        }

    def find(self, text: PreparedText) -> NDArray[np.float32]:
        """Return values in [0, 1], shape (n_vocabulary, 5), columns as `MENTION_FEATURES`."""
        found = np.zeros((self._size, len(MENTION_FEATURES)), dtype=np.float32)
        terms = question_terms(text)
        named = (self._named(terms.title), self._named(terms.prose), set(terms.code_terms))
        for feature, names in enumerate(named):
            for name in names & self._whole.keys():
                found[self._whole[name], feature] = 1.0
        for feature, parts in ((3, terms.title_terms), (4, terms.prose_terms)):
            for part in set(parts) & self._parts.keys():
                for column, share in self._parts[part]:
                    found[column, feature] += share
        return found

    def _named(self, compounds: Sequence[str]) -> set[str]:
        """
        Return the words, and the runs of up to four that are tags when joined by hyphens.

        A run is followed only as long as it is the beginning of some tag: nearly none is.
        """
        names = set(compounds)
        for start, run in enumerate(compounds):
            for word in compounds[start + 1 : start + _LONGEST]:
                if run not in self._beginnings:
                    break
                run = f"{run}-{word}"
                names.add(run)
        return names
