"""When tags that a model cannot suggest surge. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from scipy import stats

SURGE_USES: Final = 3
"""Least uses of each surging tag: what fewer questions have may be chance, or a slip."""
SURGE_SHARE: Final = 0.02
"""Share of unseen questions that surging tags must reach while past spans are too few."""
MIN_SPANS: Final = 8
"""Least number of past spans that tell what is usual."""
MAX_SPANS_SHARE: Final = 0.1
"""Largest share of past spans in which a new tag had enough uses to count."""
FALSE_SURGES_PER_YEAR: Final = 0.5
_CHECKS_PER_YEAR: Final = 365
PAST: Final = timedelta(days=365)
"""Longest time before now that tells what is usual."""


@dataclass(frozen=True, slots=True)
class PastSpan:
    """
    As many days as have now passed since the model learned, of an earlier time.

    Parameters
    ----------
    questions : int
        With a tag.
    uses : tuple of int
        Of each tag that was new then and has `SURGE_USES` or more.
    """

    questions: int
    uses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SurgeLimits:
    """
    What makes a surge.

    Parameters
    ----------
    of_a_tag : int
        Uses that a new tag must have to count, >= `SURGE_USES`.
    together : float
        Uses that those tags must have together.
    """

    of_a_tag: int
    together: float


def surging_tags(
    new_tag_uses: Mapping[str, int],
    question_count: int,
    past: Sequence[PastSpan] = (),
    *,
    false_per_year: float = FALSE_SURGES_PER_YEAR,
) -> tuple[str, ...]:
    """
    Return the new tags that surge by `surge_limits`, most used first.

    Parameters
    ----------
    new_tag_uses : mapping of str to int
        Of tags that the champion cannot suggest.
    question_count : int
        Questions in the same time, >= 0.
    past : sequence of PastSpan
    false_per_year : float, default=0.5
        Surges of usual tags that are accepted in a year of daily checks.

    Examples
    --------
    >>> surging_tags({"swiftui": 4, "ios13": 3, "typo": 1}, 200)
    ('swiftui', 'ios13')
    >>> surging_tags({"swiftui": 4, "ios13": 3, "typo": 1}, 1000)
    ()
    >>> surging_tags({"swiftui": 4, "ios13": 3, "typo": 1}, 1000, [PastSpan(1000)] * 52)
    ('swiftui', 'ios13')
    """
    limits = surge_limits(question_count, past, false_per_year)
    used = {tag: uses for tag, uses in new_tag_uses.items() if uses >= limits.of_a_tag}
    if not used or sum(used.values()) < limits.together:
        return ()
    return tuple(sorted(used, key=lambda tag: (-used[tag], tag)))


def surge_limits(
    question_count: int, past: Sequence[PastSpan], false_per_year: float = FALSE_SURGES_PER_YEAR
) -> SurgeLimits:
    """
    Return the uses of new tags that are more than past spans let expect.

    A tag counts from so many uses that at most `MAX_SPANS_SHARE` of past spans had such a tag. What
    these tags have together comes in clumps: counts over their dispersion are taken for Poisson
    variables with one rate per question, which past spans tell with Jeffreys' prior, so that the
    next count is negative binomial. With fewer than `MIN_SPANS`, tags count from `SURGE_USES` and
    surge with `SURGE_SHARE` of the questions.

    Parameters
    ----------
    question_count : int
        >= 0.
    past : sequence of PastSpan
        As long as the time in which the questions were asked.
    false_per_year : float, default=0.5
        In a year of daily checks, each at the same level.
    """
    asked = sum(span.questions for span in past)
    if len(past) < MIN_SPANS or not asked or not question_count:
        return SurgeLimits(SURGE_USES, SURGE_SHARE * question_count)
    largest = sorted((max(span.uses, default=0) for span in past), reverse=True)
    of_a_tag = max(SURGE_USES, largest[int(MAX_SPANS_SHARE * len(past))] + 1)
    counts = [sum(n for n in span.uses if n >= of_a_tag) for span in past]
    rate = sum(counts) / asked
    expected = [rate * span.questions for span in past]
    dispersion = max(float(of_a_tag), _dispersion(counts, expected))
    shape, odds = sum(counts) / dispersion + 0.5, asked / (asked + question_count)
    usual = float(stats.nbinom.isf(false_per_year / _CHECKS_PER_YEAR, shape, odds))
    return SurgeLimits(of_a_tag, int(dispersion * usual) + 1)


def past_spans(
    asked_at: Sequence[datetime],
    tags: Sequence[Sequence[str]],
    *,
    until: datetime,
    days: int,
    least_uses: int,
) -> list[PastSpan]:
    """
    Return consecutive spans up to a moment, oldest first: what was usual.

    They are in the latter half of the questions' time, and in its last year, so that the questions
    before each tell which tags were new.

    Parameters
    ----------
    asked_at : sequence of datetime, length n
        Of tagged questions, oldest first.
    tags : sequence of sequences of str, length n
    until : datetime
        Exclusive; later questions are passed over.
    days : int
        Length of each, >= 1.
    least_uses : int
        From which a tag is known.
    """
    last = bisect_left(asked_at, until)
    if not last:
        return []
    asked_at, tags = asked_at[:last], tags[:last]
    length = timedelta(days=days)
    count = min((until - asked_at[0]) / 2, PAST) // length
    rows = [bisect_left(asked_at, until - i * length) for i in range(count, -1, -1)]
    before = Counter(tag for row in tags[: rows[0]] for tag in set(row))
    found = []
    for first, last in pairwise(rows):
        now = Counter(tag for row in tags[first:last] for tag in set(row))
        new = (n for tag, n in now.items() if n >= SURGE_USES and before[tag] < least_uses)
        found.append(PastSpan(last - first, tuple(new)))
        before.update(now)
    return found


def _dispersion(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Return Pearson's estimate of variance over mean; 0 if nothing is expected."""
    pairs = [(count, mean) for count, mean in zip(counts, expected, strict=True) if mean]
    if len(pairs) < 2:
        return 0.0
    return sum((count - mean) ** 2 / mean for count, mean in pairs) / (len(pairs) - 1)
