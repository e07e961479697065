"""Models that are refitted within a month, and the best of them in hindsight. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from include.evaluation.metrics import DEPTH, QuestionScores, pool
from include.evaluation.refreshes import RefreshedMonth
from include.evaluation.schedules import Schedule, best_starts

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Refit:
    """
    A model that was refitted within a month.

    Parameters
    ----------
    scores : QuestionScores
        Of every question of the month that was asked from then on, oldest first.
    seconds : float
        That the fit took by the clock.
    """

    scores: QuestionScores
    seconds: float


@dataclass(frozen=True, slots=True)
class MonthRefits:
    """
    F1@5 of a month's models in each stretch of it, from one refit to the next.

    Parameters
    ----------
    month : str
    days : tuple of str, length n
        ``YYYY-MM-DD``, at whose midnights (UTC) a model was refitted, oldest first.
    questions : tuple of int, length n + 1
        Asked before the first of them, and from each on; >= 0.
    f1 : tuple of tuples of float, shape (n + 1, n + 1)
        Mean F1@5 over all questions of the month's first model and of each refit (rows) in each
        stretch; NaN before the model was fitted and where nothing was asked.
    """

    month: str
    days: tuple[str, ...]
    questions: tuple[int, ...]
    f1: tuple[tuple[float, ...], ...]


def refreshed_month(fresh: QuestionScores, refits: Sequence[Refit]) -> RefreshedMonth:
    """
    Return the answers to a month's questions, each by the model that was the latest then.

    Parameters
    ----------
    fresh : QuestionScores
        Of the month's first model on all questions of the month, oldest first.
    refits : sequence of Refit
        Oldest first.
    """
    models = [fresh, *(refit.scores for refit in refits)]
    sizes = _stretches(models)
    parts = [scores.take(np.arange(size)) for scores, size in zip(models, sizes, strict=True)]
    return RefreshedMonth(pool(parts), len(models), sum(refit.seconds for refit in refits))


def month_refits(
    month: str, fresh: QuestionScores, refits: Mapping[str, QuestionScores]
) -> MonthRefits:
    """
    Return the F1@5 of a month's models in each stretch of it.

    Parameters
    ----------
    month : str
    fresh : QuestionScores
        Of the month's first model on all questions of the month, oldest first.
    refits : mapping of str to QuestionScores
        By day, oldest first: of each refit on the questions from that day on.
    """
    models = [fresh, *refits.values()]
    sizes = _stretches(models)
    rows = []
    for position, scores in enumerate(models):
        ends = np.cumsum(sizes[position:])[:-1]
        parts = np.split(scores.f1_all(DEPTH), ends)
        means = (float(part.mean()) if len(part) else np.nan for part in parts)
        rows.append((np.nan,) * position + tuple(means))
    return MonthRefits(month, tuple(refits), tuple(sizes), tuple(rows))


def best_refits(months: Sequence[MonthRefits]) -> tuple[Schedule, ...]:
    """
    Return the best schedule in hindsight with 0, 1, ... refits within the months.

    Every month starts with a model of its own, and a model is refitted only at times at which one
    was studied. The best refits of a month are found by dynamic programming
    (`schedules.best_starts`), those of all months by the max-plus convolution of theirs, as months
    are independent: which refits a month has changes no other month.

    Parameters
    ----------
    months : sequence of MonthRefits
        Oldest first, with a question each.

    Returns
    -------
    tuple of Schedule
        One for each number of refits, up to all of them; empty without months.

    Examples
    --------
    >>> nan = float("nan")
    >>> may = MonthRefits("2024-05", ("2024-05-08",), (10, 30), ((0.5, 0.3), (nan, 0.5)))
    >>> june = MonthRefits("2024-06", ("2024-06-08",), (10, 30), ((0.5, 0.5), (nan, 0.4)))
    >>> best_refits([may, june])[1].trainings
    ('2024-05', '2024-05-08', '2024-06')
    """
    if not months:
        return ()
    best = np.zeros(1)  # by number of refits: the largest sum of F1@5 so far
    by_month, chosen = [], []
    for month in months:
        found = {len(starts) - 1: (starts, total) for starts, total in best_starts(_sums(month))}
        options = np.full((len(found), len(best) + len(found) - 1), -np.inf)
        for refits, (_, total) in found.items():
            options[refits, refits : refits + len(best)] = best + total
        by_month.append(found)
        chosen.append(options.argmax(axis=0))
        best = options.max(axis=0)
    questions = sum(sum(month.questions) for month in months)
    schedules = []
    for refits, total in enumerate(best):
        trainings: list[str] = []
        left = refits
        for month, found, choices in zip(
            reversed(months), reversed(by_month), reversed(chosen), strict=True
        ):
            count = int(choices[left])
            starts = found[count][0]
            trainings[:0] = [month.month, *(month.days[start - 1] for start in starts[1:])]
            left -= count
        schedules.append(Schedule(tuple(trainings), float(total) / questions))
    return tuple(schedules)


def _stretches(models: Sequence[QuestionScores]) -> list[int]:
    """Return the questions that were asked while each model was the latest."""
    sizes = [*map(len, models), 0]
    return [size - later for size, later in pairwise(sizes)]


def _sums(month: MonthRefits) -> FloatArray:
    """Return the sum of F1@5 of each model in each stretch; 0 where nothing was asked."""
    means = np.array(month.f1, dtype=np.float64)
    sums: FloatArray = np.nan_to_num(means) * np.array(month.questions, dtype=np.float64)
    return sums
