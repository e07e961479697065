"""What refreshing a model within the month gains over training once a month. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.evaluation.bootstrap import bootstrap_means, percentile_interval
from include.evaluation.metrics import DEPTH, QuestionScores
from include.evaluation.other_years import change_in_other_years
from include.evaluation.policies import PolicyCurve
from include.evaluation.surge import PastSpan, surging_tags
from include.months import month_range

FloatArray = NDArray[np.float64]

COMMON_USES: Final = 5
"""Uses in the training window from which a tag is not rare."""
LABEL_DELAY: Final = timedelta(days=2)
"""Tags are read a day after the question at the latest, and learned the day after."""
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RefreshedMonth:
    """
    The answers to a month's questions, each by the model that was the latest then.

    Parameters
    ----------
    scores : QuestionScores
        In the order of the month's questions.
    trainings : int
        Of the month, its first included.
    seconds : float
        That the fits besides the first took by the clock; NaN where it was not recorded.
    """

    scores: QuestionScores
    trainings: int
    seconds: float = math.nan


@dataclass(frozen=True, slots=True)
class Gain:
    """What one rule gains over another in F1@5 on the same questions, with its interval (95 %)."""

    value: float
    low: float
    high: float


def weekly_refreshes(month: str) -> tuple[datetime, ...]:
    """
    Return the midnights, UTC, at which a model is refreshed every week within a month.

    Examples
    --------
    >>> [f"{at:%d}" for at in weekly_refreshes("2023-02")]
    ['08', '15', '22']
    """
    first, last = month_range(month)
    return tuple(first + week * _WEEK for week in range(1, 5) if first + week * _WEEK < last)


def no_past(_until: datetime, _days: int) -> Sequence[PastSpan]:
    """Return no past spans, for a site of which nothing is known."""
    return ()


def surge_refreshes(
    month: str,
    asked_at: Sequence[datetime],
    tags: Sequence[Sequence[str]],
    vocabulary: Collection[str],
    past: Callable[[datetime, int], Sequence[PastSpan]] = no_past,
) -> tuple[datetime, ...]:
    """
    Return the midnights, UTC, at which a model is refreshed as new tags surge within a month.

    Parameters
    ----------
    month : str
    asked_at : sequence of datetime, length n
        Of the month's questions, oldest first.
    tags : sequence of sequences of str, length n
    vocabulary : collection of str
        What the month's first model can suggest.
    past : callable
        Returns the `past_spans` before a moment, each of so many days.
    """
    start, last = month_range(month)
    known, found = set(vocabulary), []
    learned, since = 0, start  # questions, and until when
    day = start + timedelta(days=1)
    while day < last:
        until = bisect_left(asked_at, day - LABEL_DELAY)
        uses = Counter(tag for row in tags[learned:until] for tag in set(row) if tag not in known)
        days = (day - LABEL_DELAY - since).days
        if uses and surging_tags(uses, until - learned, past(since, max(1, days))):
            found.append(day)
            known.update(tag for row in tags[learned:until] for tag in row)
            learned, since = until, day - LABEL_DELAY
        day += timedelta(days=1)
    return tuple(found)


def refresh_curve(
    rule: str,
    months: Mapping[str, RefreshedMonth],
    monthly: Mapping[str, QuestionScores],
    *,
    samples: int,
    seed: int,
) -> PolicyCurve:
    """
    Return the curve of a rule's refreshes, beside the monthly models on the same questions.

    The interval of the loss resamples the questions of these months; that of other years takes the
    months as units (`other_years.change_in_other_years`).

    Parameters
    ----------
    rule : str
        One of `include.retraining.REFRESHES` or `WITHOUT_RARE_TAGS`.
    months : mapping of str to RefreshedMonth
        By month, oldest first; at least one.
    monthly : mapping of str to QuestionScores
        Of the same months' questions, by the model that was trained before the month.
    samples, seed : int
        Of the bootstrap, which resamples the questions of each month.
    """
    random = np.random.default_rng(seed)
    means: list[FloatArray] = []
    draws, differences = [], []
    for month, refreshed in months.items():
        rows = np.stack([refreshed.scores.f1_all(DEPTH), monthly[month].f1_all(DEPTH)])
        resampled = bootstrap_means(rows, samples, random)
        means.append(rows.mean(axis=1))
        draws.append(percentile_interval(resampled[0]))
        differences.append(resampled[1] - resampled[0])
    sizes = np.array([len(refreshed.scores) for refreshed in months.values()], dtype=np.float64)
    weights = sizes / sizes.sum()
    mean, mean_monthly = (weights @ np.array(means)).tolist()
    low, high = percentile_interval(weights @ np.array(differences))
    losses = np.array([before - after for after, before in means])
    other_low, other_high = change_in_other_years(losses, weights, mean_monthly)
    return PolicyCurve(
        policy=rule,
        months=tuple(months),
        models=tuple(months),
        f1=tuple(float(row[0]) for row in means),
        low=tuple(low for low, _ in draws),
        high=tuple(high for _, high in draws),
        trainings=sum(refreshed.trainings for refreshed in months.values()),
        mean=mean,
        loss=mean_monthly - mean,
        loss_low=low,
        loss_high=high,
        other_low=other_low,
        other_high=other_high,
    )
