"""Replays months under rules for refitting a candidate: what `bench_cadence` measures."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from statistics import median_high

from include.candidates.base import Candidate, least_uses, vocabulary_of
from include.evaluation.metrics import DEPTH, QuestionScores, pool, score_questions
from include.evaluation.refreshes import LABEL_DELAY, surge_refreshes
from include.evaluation.surge import PastSpan, past_spans
from include.months import month_range
from include.text.prepared import LabelledTexts

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Rule:
    """
    When a candidate is fitted, and on which tags.

    Parameters
    ----------
    every : timedelta or None
        Time between two fits within a month. None: at the month's beginning only, on every
        question asked before it, as `train_candidates` does.
    min_tag_count : int
        Uses from which a tag is in the vocabulary.
    on_surge : bool, default=False
        Instead of ``every``: also whenever new tags surge within the month, as the stability page
        studies it.
    """

    every: timedelta | None
    min_tag_count: int
    on_surge: bool = False


@dataclass(frozen=True)
class Fit:
    """One fit: it learns from questions before ``known`` and answers in [start, end)."""

    start: datetime
    end: datetime
    known: datetime


@dataclass
class Replay:
    """
    What a rule did over the tested months.

    Parameters
    ----------
    scores : dict of str to QuestionScores
        By month.
    suggested : dict of str to datetime
        When each tag was first suggested, among the first five.
    trainings : int
    seconds : float
        Of the fits alone.
    """

    scores: dict[str, QuestionScores] = field(default_factory=dict)
    suggested: dict[str, datetime] = field(default_factory=dict)
    trainings: int = 0
    seconds: float = 0.0

    def f1_by_month(self) -> dict[str, float]:
        """Return F1@5 over all questions of each month."""
        return {month: _f1(scores) for month, scores in self.scores.items()}

    def mean(self) -> float:
        """Return F1@5 over all questions of all months together."""
        return _f1(pool(list(self.scores.values())))


def fits_of(rule: Rule, month: str) -> list[Fit]:
    """Return the fits of a month, in order, without gaps between them."""
    start, end = month_range(month)
    if rule.every is None:
        return [Fit(start, end, start)]
    found = []
    while start < end:
        until = min(start + rule.every, end)
        found.append(Fit(start, until, start - LABEL_DELAY))
        start = until
    return found


def surge_fits(data: LabelledTexts, month: str, min_tag_count: int) -> list[Fit]:
    """Return the fit at a month's beginning, and those when tags surge that it does not know."""
    start, end = month_range(month)
    first, last = (bisect_left(data.asked_at, at) for at in (start, end))
    vocabulary = vocabulary_of(data.tags[:first], min_tag_count)
    uses = Counter(tag for tags in data.tags[:first] for tag in set(tags))
    least = least_uses(uses.values(), min_tag_count)

    def past(until: datetime, days: int) -> list[PastSpan]:
        return past_spans(data.asked_at, data.tags, until=until, days=days, least_uses=least)

    times = surge_refreshes(
        month, data.asked_at[first:last], data.tags[first:last], vocabulary, past
    )
    known = [start, *(at - LABEL_DELAY for at in times)]
    edges = [start, *times, end]
    return [Fit(*fit) for fit in zip(edges, edges[1:], known, strict=False)]


def replay(
    data: LabelledTexts,
    months: Sequence[str],
    rule: Rule,
    make: Callable[[], Candidate],
    advance: Callable[[], None] = lambda: None,
) -> Replay:
    """
    Fit and answer month after month; months in which nothing was asked are left out.

    Parameters
    ----------
    data : LabelledTexts
        Oldest first.
    months : sequence of str
        To test.
    rule : Rule
    make : callable
        Returns an unfitted candidate.
    advance : callable
        Called after each month.
    """
    result = Replay()
    for month in months:
        parts = []
        count = rule.min_tag_count
        fits = surge_fits(data, month, count) if rule.on_surge else fits_of(rule, month)
        for fit in fits:
            first, last = (bisect_left(data.asked_at, at) for at in (fit.start, fit.end))
            if first == last:
                continue
            train = data.take(range(bisect_left(data.asked_at, fit.known)))
            vocabulary = vocabulary_of(train.tags, count)
            began = time.perf_counter()
            candidate = make().fit(train.texts, train.tags, vocabulary)
            result.seconds += time.perf_counter() - began
            result.trainings += 1
            test = data.take(range(first, last))
            ranked = [[one.tag for one in row] for row in candidate.rank(test.texts, DEPTH)]
            parts.append(score_questions(ranked, test.tags, candidate.vocabulary))
            for asked_at, row in zip(test.asked_at, ranked, strict=True):
                for tag in row:
                    result.suggested.setdefault(tag, asked_at)
        if parts:
            result.scores[month] = pool(parts)
        advance()
    return result


def new_tags(data: LabelledTexts, months: Sequence[str], min_uses: int) -> dict[str, datetime]:
    """
    Return the tags whose first question of all is in the tested months, and when it was asked.

    Parameters
    ----------
    data : LabelledTexts
        Oldest first.
    months : sequence of str
    min_uses : int
        Questions of the tested months that must have the tag.
    """
    ranges = [month_range(month) for month in months]
    first: dict[str, datetime] = {}
    uses: Counter[str] = Counter()
    for tags, asked_at in zip(data.tags, data.asked_at, strict=True):
        tested = any(start <= asked_at < end for start, end in ranges)
        for tag in set(tags):
            first.setdefault(tag, asked_at)
            uses[tag] += tested
    return {
        tag: asked_at
        for tag, asked_at in first.items()
        if uses[tag] >= min_uses and any(start <= asked_at < end for start, end in ranges)
    }


def days_to_suggestion(
    first_asked: Mapping[str, datetime], suggested: Mapping[str, datetime]
) -> dict[str, float]:
    """
    Return the days from each tag's first question to its first suggestion; infinite if never.

    Examples
    --------
    >>> days_to_suggestion({"a": datetime(2024, 1, 1)}, {"a": datetime(2024, 1, 3, 12)})
    {'a': 2.5}
    """
    return {
        tag: (suggested[tag] - asked_at).total_seconds() / _DAY_S
        if tag in suggested
        else float("inf")
        for tag, asked_at in first_asked.items()
    }


def median_days(days: Mapping[str, float]) -> float | None:
    """Return the median; None without a tag, or if half of the tags are never suggested."""
    if not days:
        return None
    middle = median_high(days.values())
    return middle if isfinite(middle) else None


def event_tag(data: LabelledTexts, month: str, min_tag_count: int) -> str | None:
    """Return the month's most used tag that was too rare before it; None if there is none."""
    start, end = month_range(month)
    first, last = bisect_left(data.asked_at, start), bisect_left(data.asked_at, end)
    known = set(vocabulary_of(data.tags[:first], min_tag_count))
    uses = Counter(tag for tags in data.tags[first:last] for tag in set(tags) - known)
    return min(uses, key=lambda tag: (-uses[tag], tag)) if uses else None


def event_delay_days(
    data: LabelledTexts, month: str, tag: str, suggested: Mapping[str, datetime]
) -> float | None:
    """
    Return the days from a tag's first question in a month to its first suggestion; None if never.

    0 if it was suggested earlier.
    """
    start = month_range(month)[0]
    asked = next(
        at for tags, at in zip(data.tags, data.asked_at, strict=True) if at >= start and tag in tags
    )
    if tag not in suggested:
        return None
    return max(0.0, (suggested[tag] - asked).total_seconds() / _DAY_S)


def _f1(scores: QuestionScores) -> float:
    return float(scores.f1_all(DEPTH).mean())
