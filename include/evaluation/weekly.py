"""What refreshing a model every week within the month gains over training once a month. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from include.evaluation.bootstrap import bootstrap_means, percentile_interval
from include.evaluation.metrics import DEPTH, QuestionScores
from include.evaluation.policies import PolicyCurve
from include.months import month_range

WEEKLY: Final = "weekly"
TITLE: Final = "Every month, refreshed every week"
LABEL_DELAY: Final = timedelta(days=2)
"""Tags are read a day after the question at the latest, and learned the day after."""
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RefreshedMonth:
    """
    The answers to a month's questions, each by the model of its week.

    Parameters
    ----------
    scores : QuestionScores
        In the order of the month's questions.
    trainings : int
        Of the month, its first included.
    """

    scores: QuestionScores
    trainings: int


def weeks_of(month: str) -> tuple[tuple[datetime, datetime, datetime], ...]:
    """
    Return the weeks of a month after its first one: what is learned until, start and end, UTC.

    Examples
    --------
    >>> [f"{known:%d} {start:%d} {end:%d}" for known, start, end in weeks_of("2023-02")]
    ['06 08 15', '13 15 22', '20 22 01']
    """
    first, last = month_range(month)
    weeks = []
    start = first + _WEEK
    while start < last:
        weeks.append((start - LABEL_DELAY, start, min(start + _WEEK, last)))
        start += _WEEK
    return tuple(weeks)


def weekly_curve(
    months: Mapping[str, RefreshedMonth],
    monthly: Mapping[str, QuestionScores],
    *,
    samples: int,
    seed: int,
) -> PolicyCurve:
    """
    Return the curve of weekly refreshes, beside the monthly models on the same questions.

    Parameters
    ----------
    months : mapping of str to RefreshedMonth
        By month, oldest first; at least one.
    monthly : mapping of str to QuestionScores
        Of the same months' questions, by the model that was trained before the month.
    samples, seed : int
        Of the bootstrap, which resamples the questions of each month.
    """
    random = np.random.default_rng(seed)
    means, draws, differences = [], [], []
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
    return PolicyCurve(
        policy=WEEKLY,
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
    )
