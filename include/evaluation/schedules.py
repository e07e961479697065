"""The best retraining schedule in hindsight, what rules lose against it, and prices. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.evaluation.decay import DecayMatrix
from include.evaluation.policies import PolicyCurve

FloatArray = NDArray[np.float64]

POINT: Final = 0.01
"""One point of F1@5."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    When models were trained, and the mean F1@5 of the models in use.

    Parameters
    ----------
    trainings : tuple of str
        Oldest first: ``YYYY-MM`` before a month, ``YYYY-MM-DD`` at a day's midnight within one. The
        first studied month is always one of them.
    mean : float
        F1@5 over all questions of all months, in [0, 1].
    """

    trainings: tuple[str, ...]
    mean: float


@dataclass(frozen=True, slots=True)
class Prices:
    """
    What a training and a lost point cost, in the same unit.

    Parameters
    ----------
    training : float
        >= 0.
    point : float
        Of one point of F1@5 (`POINT`), lost over all studied months together; >= 0.

    Raises
    ------
    FixInputError
        If a price is negative or not finite.
    """

    training: float
    point: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(price) and price >= 0 for price in (self.training, self.point)):
            raise FixInputError("the prices of a training and of a point must be 0 or more")


def costs(curves: Mapping[str, PolicyCurve], prices: Prices) -> dict[str, float]:
    """
    Return what each policy costs: its trainings, and the points that it loses against the best.

    Parameters
    ----------
    curves : mapping of policy to PolicyCurve
    prices : Prices

    Returns
    -------
    dict of str to float
        In the unit of the prices, >= 0, the cheapest first; of equals, that of fewer trainings.
    """
    best = max((curve.mean for curve in curves.values()), default=0.0)
    found = {
        name: curve.trainings * prices.training + (best - curve.mean) / POINT * prices.point
        for name, curve in curves.items()
    }
    cheapest_first = sorted(found, key=lambda name: (found[name], curves[name].trainings))
    return {name: found[name] for name in cheapest_first}


def best_schedules(matrix: DecayMatrix, questions: Sequence[int]) -> tuple[Schedule, ...]:
    """
    Return the best schedule in hindsight for 1, 2, ... trainings.

    No policy can know it: it chooses its months by the F1@5 of months to come. What a policy loses
    against the one with as many trainings is its regret. Found by dynamic programming over the
    month of the last training (the segmentation of a sequence, Bellman 1961).

    Parameters
    ----------
    matrix : DecayMatrix
        Of ``f1_all@5``, n months. A model that was not tested on a month cannot be in use in it.
    questions : sequence of int, length n
        Questions of each month, >= 1.

    Returns
    -------
    tuple of Schedule
        At most n; fewer where models are missing.

    References
    ----------
    .. [1] Bellman, "On the approximation of curves by line segments using dynamic programming",
       Communications of the ACM 4 (1961), 284.

    Examples
    --------
    >>> values = np.array([[0.6, 0.5, 0.3], [np.nan, 0.6, 0.4], [np.nan, np.nan, 0.6]])
    >>> matrix = DecayMatrix(("2024-01", "2024-02", "2024-03"), values)
    >>> [schedule.trainings for schedule in best_schedules(matrix, [100, 100, 100])][1]
    ('2024-01', '2024-03')
    """
    weights = np.asarray(questions, dtype=np.float64) / sum(questions)
    scores = np.nan_to_num(np.triu(matrix.values), nan=-np.inf) * weights
    return tuple(
        Schedule(tuple(matrix.months[start] for start in starts), total)
        for starts, total in best_starts(scores)
    )


def best_starts(scores: FloatArray) -> tuple[tuple[tuple[int, ...], float], ...]:
    """
    Return, for 1, 2, ... models, those that reach the largest sum, each in use until the next.

    Parameters
    ----------
    scores : ndarray of float, shape (n, n)
        What model i adds in stretch of time i or later, -inf where it cannot be in use; what is
        below the diagonal does not count. The first model is always in use at first.

    Returns
    -------
    tuple of (starts, total)
        Positions of the models, increasing from 0, and their sum; only numbers of models with a
        finite sum.
    """
    count = len(scores)
    # until[i, j]: sum over i to j with model i
    until = np.cumsum(np.triu(scores), axis=1)
    best = [until[0]]
    last = [np.zeros(count, dtype=np.intp)]
    for _ in range(1, count):
        options = np.full((count, count), -np.inf)
        for i in range(1, count):
            options[i, i:] = best[-1][i - 1] + until[i, i:]
        last.append(options.argmax(axis=0))
        best.append(options.max(axis=0))
    return tuple(
        (_followed_back(last[: number + 1]), float(values[-1]))
        for number, values in enumerate(best)
        if math.isfinite(values[-1])
    )


def regret(curve: PolicyCurve, schedules: Sequence[Schedule]) -> float | None:
    """Return what a rule loses against the best schedule of as many trainings; None without."""
    for schedule in schedules:
        if len(schedule.trainings) == curve.trainings:
            return max(schedule.mean - curve.mean, 0.0)
    return None


def cheapest_ranges(
    curves: Mapping[str, PolicyCurve],
) -> dict[str, tuple[float, float] | None]:
    """
    Return for which worth of a point of F1@5 each policy is the cheapest.

    A policy costs its trainings and the points that it lost. Which policy costs least depends on
    how many trainings one point is worth, over all studied months together.

    Parameters
    ----------
    curves : mapping of policy to PolicyCurve

    Returns
    -------
    dict of str to (low, high) or None
        In trainings for each point (`POINT`), 0 <= low < high; None for a policy that is never the
        cheapest. ``high`` may be infinite.
    """
    found: dict[str, tuple[float, float] | None] = {}
    for name, curve in curves.items():
        low, high = 0.0, math.inf
        for other in curves.values():
            saved = other.trainings - curve.trainings
            lost = (other.mean - curve.mean) / POINT
            if lost > 0:
                high = min(high, saved / lost)
            elif lost < 0:
                low = max(low, saved / lost)
            elif saved < 0:
                high = -1.0
        found[name] = (low, high) if low < high else None
    return found


def _followed_back(last: Sequence[NDArray[np.intp]]) -> tuple[int, ...]:
    """Return where each model starts, followed back from the last one."""
    end, starts = len(last[0]) - 1, []
    for choices in reversed(last):
        start = int(choices[end])
        starts.append(start)
        end = start - 1
    return tuple(reversed(starts))
