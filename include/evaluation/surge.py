"""When tags that a model cannot suggest surge. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SURGE_USES: Final = 3
SURGE_SHARE: Final = 0.02
"""
Of the unseen questions, for the uses of surging tags. In 18 months of two real sites (2018-01 to
2019-06), refreshed by week, the rule found the release of June 2019 a day after its third question,
and nothing else; with two uses instead of three it found eight more tags, none of a release.
"""


def surging_tags(new_tag_uses: Mapping[str, int], question_count: int) -> tuple[str, ...]:
    """
    Return the new tags that surge, most used first.

    New tags with at least `SURGE_USES` uses surge if their uses together are at least `SURGE_SHARE`
    of the questions.

    Parameters
    ----------
    new_tag_uses : mapping of str to int
        Of tags that the champion cannot suggest.
    question_count : int
        Questions in the same time, >= 0.

    Examples
    --------
    >>> surging_tags({"swiftui": 4, "ios13": 3, "typo": 1}, 200)
    ('swiftui', 'ios13')
    >>> surging_tags({"swiftui": 4, "ios13": 3, "typo": 1}, 1000)
    ()
    """
    used = {tag: uses for tag, uses in new_tag_uses.items() if uses >= SURGE_USES}
    if not used or sum(used.values()) < SURGE_SHARE * question_count:
        return ()
    return tuple(sorted(used, key=lambda tag: (-used[tag], tag)))
