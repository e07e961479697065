"""
A check of a month's tags before anything learns from them.

A fault of the source can give every question another's tags, or one tag to all. A model that is
refitted with such a month is worse, and its own test on that month cannot show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from include.candidates.mentions import MentionFinder
from include.text.prepared import LabelledTexts

MIN_QUESTIONS: Final = 50
"""Least number in the month and in those before it; fewer say nothing."""
_SAMPLE: Final = 1_000
"""Questions of each whose texts are read, a second in all."""
_MIN_LIFT_SHARE: Final = 0.5
"""
Of the lift before. In 63 real months (devops and a slice about reactive programming, up to June
2019) it is at least .70; with the same months' tags exchanged among their questions, at most .31.
"""
_MAX_SHARE: Final = 0.9
_MAX_GROWTH: Final = 0.3
"""A tag on more than `_MAX_SHARE` of the questions that grew by more than this is a fault. In those
months a release's new tag came to be on 62 %, from 14 %."""


def label_faults(before: LabelledTexts, month: LabelledTexts) -> list[str]:
    """
    Return what looks wrong with the tags of a month, in sentences; empty if nothing does.

    Two signs are looked for. Questions name their own tags more often than those of other
    questions; if this lift falls to less than half of what it was, tags and texts do not belong
    together. And no tag comes to be on more than nine questions in ten within a month.

    Parameters
    ----------
    before : LabelledTexts
        The latest questions before the month, each with a tag.
    month : LabelledTexts
        The month's questions, each with a tag.
    """
    if min(len(before), len(month)) < MIN_QUESTIONS:
        return []
    latest = before.take(np.arange(max(0, len(before) - 3 * len(month)), len(before)))
    return [*_crowding_tags(latest.tags, month.tags), *_foreign_tags(latest, month)]


def naming_lift(questions: LabelledTexts) -> float:
    """
    Return how much more often questions name one of their tags than one of the next question's.

    Both shares are of at most 1,000 questions, evenly spread; the result is in [-1, 1], near 0 if
    tags were exchanged among questions.
    """
    count = min(len(questions), _SAMPLE)
    sample = questions.take(np.linspace(0, len(questions) - 1, count).astype(np.intp))
    vocabulary = sorted({tag for tags in sample.tags for tag in tags})
    finder = MentionFinder(vocabulary)
    own = others = 0
    # The next but ten: people ask about the same matter twice in a row
    for text, tags, foreign in zip(
        sample.texts, sample.tags, sample.tags[10:] + sample.tags[:10], strict=True
    ):
        found = finder.find(text)
        named = {vocabulary[column] for column in found.columns[found.values[:, :2].any(axis=1)]}
        own += not named.isdisjoint(tags)
        others += not named.isdisjoint(foreign)
    return (own - others) / count


def _foreign_tags(before: LabelledTexts, month: LabelledTexts) -> Iterator[str]:
    was, now = naming_lift(before), naming_lift(month)
    # 1.6: two standard errors of a difference of two shares of at most 1/2 each, in both months
    noise = 1.6 / np.sqrt(min(len(before), len(month), _SAMPLE))
    if now < _MIN_LIFT_SHARE * was and was - now > noise:
        yield (
            f"questions name their own tags only {now:+.2f} more often than other questions' "
            f"({was:+.2f} before): tags and texts do not belong together"
        )


def _crowding_tags(
    before: Sequence[tuple[str, ...]], month: Sequence[tuple[str, ...]]
) -> Iterator[str]:
    was = Counter(tag for tags in before for tag in set(tags))
    now = Counter(tag for tags in month for tag in set(tags))
    for tag, uses in now.most_common(5):
        share, earlier = uses / len(month), was[tag] / len(before)
        if share > _MAX_SHARE and share - earlier > _MAX_GROWTH:
            yield f"{tag} is on {share:.0%} of the questions, after {earlier:.0%} before"
