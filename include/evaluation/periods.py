"""
Months in which quality falls beyond what resampling explains. Pure.

Two things can go wrong in a month, and they call for different answers. The **fresh** model,
trained on everything before the month, may fall below its own last months: something came that no
training could know. Or the **frozen** model, trained before the first month, may fall behind the
fresh one on the same questions: the world has moved and a training would follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from include.evaluation.decay import LEVEL, PairScores
from include.evaluation.metrics import DEPTH
from include.months import add_months

FloatArray = NDArray[np.float64]

BEFORE: Final = 3


@dataclass(frozen=True, slots=True)
class MonthTest:
    """
    One month's test for one kind of loss.

    Parameters
    ----------
    month : str
    kind : str
        ``fresh`` (against the months before) or ``frozen`` (against the fresh model).
    loss : float
        F1@5 lost, over all questions; negative where quality rose.
    low, high : float
        The interval of ``loss`` (95 %).
    p_value : float
        One-sided, of a loss of 0 or less; corrected over all tests of the same kind (Holm).
    """

    month: str
    kind: str
    loss: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Period:
    """
    Neighbouring months with a loss of the same kind.

    Parameters
    ----------
    kind : str
        As in MonthTest.
    first, last : str
        Months, both included.
    loss : float
        The largest monthly loss in it.
    """

    kind: str
    first: str
    last: str
    loss: float


def judge_months(
    pairs: PairScores, months: Sequence[str], *, min_loss: float = 0.02
) -> tuple[MonthTest, ...]:
    """
    Test every month of the year for both kinds of loss.

    The fresh model is compared with the mean of up to three months before (Welch's test on scores
    per question); the frozen one with the fresh one by a paired test on the same questions. A loss
    smaller than ``min_loss`` is not worth an answer, however certain: the tests ask whether the
    loss exceeds half of it.

    Parameters
    ----------
    pairs : mapping of (model month, test month) to QuestionScores
    months : sequence of str
        Consecutive; months whose pairs are missing are left out.
    min_loss : float, default=0.02
        In [0, 1].
    """
    fresh = {
        month: pairs[month, month].f1_all(DEPTH) for month in months if (month, month) in pairs
    }
    found: list[MonthTest] = []
    for month, scores in fresh.items():
        before = [
            fresh[earlier]
            for earlier in (add_months(month, -back) for back in range(1, BEFORE + 1))
            if earlier in fresh
        ]
        if before:
            found.append(_welch(month, np.concatenate(before), scores, min_loss / 2))
    tests = _holm(found)
    frozen = [
        _paired(month, fresh[month] - pairs[months[0], month].f1_all(DEPTH), min_loss / 2)
        for month in months[1:]
        if month in fresh and (months[0], month) in pairs
    ]
    return (*tests, *_holm(frozen))


def periods_of_drift(
    tests: Sequence[MonthTest], *, min_loss: float = 0.02, level: float = LEVEL
) -> tuple[Period, ...]:
    """
    Join neighbouring months with a certain loss of at least ``min_loss`` into periods.

    Parameters
    ----------
    tests : sequence of MonthTest
        As `judge_months` gives them.
    min_loss : float, default=0.02
    level : float, default=0.95
        Certainty over all months of one kind together.
    """
    periods: list[Period] = []
    for kind in ("fresh", "frozen"):
        for test in sorted((t for t in tests if t.kind == kind), key=lambda t: t.month):
            if test.loss < min_loss or test.p_value > 1 - level:
                continue
            last = periods[-1] if periods else None
            if last and last.kind == kind and add_months(last.last, 1) == test.month:
                periods[-1] = Period(kind, last.first, test.month, max(last.loss, test.loss))
            else:
                periods.append(Period(kind, test.month, test.month, test.loss))
    return tuple(periods)


def _welch(month: str, before: FloatArray, now: FloatArray, margin: float) -> MonthTest:
    """Test whether the mean fell by more than ``margin`` between two sets of questions."""
    test = stats.ttest_ind(before - margin, now, equal_var=False, alternative="greater")
    both = stats.ttest_ind(before, now, equal_var=False).confidence_interval(LEVEL)
    loss = float(before.mean() - now.mean())
    return MonthTest(month, "fresh", loss, float(both.low), float(both.high), float(test.pvalue))


def _paired(month: str, losses: FloatArray, margin: float) -> MonthTest:
    """Test whether the mean loss on the same questions exceeds ``margin``."""
    loss = float(losses.mean())
    if np.ptp(losses) == 0:
        return MonthTest(month, "frozen", loss, loss, loss, float(loss <= margin))
    test = stats.ttest_1samp(losses, margin, alternative="greater")
    both = stats.ttest_1samp(losses, 0.0).confidence_interval(LEVEL)
    return MonthTest(month, "frozen", loss, float(both.low), float(both.high), float(test.pvalue))


def _holm(tests: Sequence[MonthTest]) -> tuple[MonthTest, ...]:
    """Correct p-values over all tests (Holm, Scand. J. Statist. 6, 1979)."""
    order = sorted(range(len(tests)), key=lambda index: tests[index].p_value)
    corrected = [0.0] * len(tests)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(tests) - place) * tests[index].p_value))
        corrected[index] = largest
    return tuple(
        MonthTest(test.month, test.kind, test.loss, test.low, test.high, p_value)
        for test, p_value in zip(tests, corrected, strict=True)
    )
