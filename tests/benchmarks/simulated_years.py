"""Years of monthly models with a known decay, and of refreshes with a known gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from include.evaluation.decay import PairScores
from include.evaluation.metrics import QuestionScores
from include.evaluation.refreshes import RefreshedMonth

FloatArray = NDArray[np.float64]
World = Literal["equal", "shocks"]

WORLDS: Final[tuple[World, ...]] = ("equal", "shocks")
SHOCK_RATE: Final = 1 / 6
"""Of months that lose or gain anything, where it comes in shocks."""
HIT_VALUE: Final = 2 / 6
"""F1@5 of a question of one tag that is found."""


def monthly_changes(
    random: np.random.Generator, world: World, mean: float, months: int
) -> FloatArray:
    """
    Return each month's change, >= 0, whose mean over all months is ``mean``.

    The same in each month, or in one month of six, of exponentially distributed size.
    """
    if world == "equal":
        return np.full(months, mean)
    return (random.random(months) < SHOCK_RATE) * random.exponential(mean / SHOCK_RATE, months)


def monthly_models(
    random: np.random.Generator,
    months: Sequence[str],
    decays: FloatArray,
    questions: int = 120,
) -> PairScores:
    """
    Return every pair of a model and a later month, on questions of one tag each.

    Parameters
    ----------
    random : numpy Generator
    months : sequence of str
        Consecutive.
    decays : ndarray of float, shape (n_months,)
        What each month takes from the log2 of earlier models' hits, >= 0.
    questions : int, default=120
        Of a month.
    """
    lost = np.cumsum(decays)
    one = np.ones(questions, dtype=np.int64)
    pairs = {}
    for test, test_month in enumerate(months):
        chance = random.random(questions) / random.uniform(0.45, 0.55)
        for model, model_month in enumerate(months[: test + 1]):
            found = np.zeros((questions, 5), dtype=bool)
            found[:, 0] = chance < 2 ** (lost[model] - lost[test])
            pairs[model_month, test_month] = QuestionScores(found, one, one)
    return pairs


def refreshed_months(
    random: np.random.Generator,
    months: Sequence[str],
    regained: FloatArray,
    questions: int = 120,
) -> tuple[dict[str, RefreshedMonth], dict[str, QuestionScores]]:
    """
    Return months as they are answered with refreshes, and by their monthly models alone.

    Parameters
    ----------
    random : numpy Generator
    months : sequence of str
    regained : ndarray of float, shape (n_months,)
        Share of a month's hits that the monthly model alone lacks, in [0, 1].
    questions : int, default=120
        Of a month.
    """
    one = np.ones(questions, dtype=np.int64)
    refreshed, monthly = {}, {}
    for month, share in zip(months, regained, strict=True):
        chance = random.random(questions) / random.uniform(0.45, 0.55)
        found = np.zeros((2, questions, 5), dtype=bool)
        found[0, :, 0] = chance < 1
        found[1, :, 0] = chance < 1 - share
        refreshed[month] = RefreshedMonth(QuestionScores(found[0], one, one), 5)
        monthly[month] = QuestionScores(found[1], one, one)
    return refreshed, monthly
