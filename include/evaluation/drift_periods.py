"""
Drift periods: consecutive months with a significant loss of quality. Pure.

Two kinds of loss call for different reactions. The **fresh** model, trained on all months before
the month, may fall below its own results of the last months: the month has content that no training
data contained. Or the **frozen** model, trained before the first month, may fall behind the fresh
one on the same questions: the distribution has changed, and retraining helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from include.evaluation.bootstrap import CONFIDENCE
from include.evaluation.decay import PairScores
from include.evaluation.metrics import DEPTH
from include.months import add_months

FloatArray = NDArray[np.float64]

BASELINE_MONTHS: Final = 3


@dataclass(frozen=True, slots=True)
class MonthTest:
    """
    The significance test of one kind of loss in one month.

    Parameters
    ----------
    month : str
    kind : str
        ``fresh`` (against the months before) or ``frozen`` (against the fresh model).
    loss : float
        Loss of F1@5 over all questions; negative where quality rose.
    low, high : float
        Confidence interval (95 %) of ``loss``.
    p_value : float
        One-sided, of the null hypothesis that the loss is at most half of ``min_loss``; adjusted
        by Holm over all tests of the same kind.
    """

    month: str
    kind: str
    loss: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class DriftPeriod:
    """
    Consecutive months with a significant loss of the same kind.

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


def loss_tests(
    pairs: PairScores, months: Sequence[str], *, min_loss: float = 0.02
) -> tuple[MonthTest, ...]:
    """
    Test every month for both kinds of loss.

    The fresh model is compared with the mean of up to three months before (Welch's test on scores
    per question); the frozen one with the fresh one by a paired t-test on the same questions. A
    loss below ``min_loss`` is irrelevant, however significant: the null hypothesis is that the
    loss is at most half of it.

    Parameters
    ----------
    pairs : mapping of (model month, test month) to QuestionScores
    months : sequence of str
        Consecutive; months whose pairs are missing are left out.
    min_loss : float, default=0.02
        In [0, 1].

    References
    ----------
    .. [1] Welch, "The generalization of 'Student's' problem when several different population
       variances are involved", Biometrika 34 (1947), 28-35.
    .. [2] Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
       Statistics 6 (1979), 65-70.
    """
    fresh = {
        month: pairs[month, month].f1_all(DEPTH) for month in months if (month, month) in pairs
    }
    fresh_tests: list[MonthTest] = []
    for month, scores in fresh.items():
        before = [
            fresh[earlier]
            for earlier in (add_months(month, -back) for back in range(1, BASELINE_MONTHS + 1))
            if earlier in fresh
        ]
        if before:
            fresh_tests.append(_welch(month, np.concatenate(before), scores, min_loss / 2))
    tests = _holm(fresh_tests)
    frozen_tests = [
        _paired(month, fresh[month] - pairs[months[0], month].f1_all(DEPTH), min_loss / 2)
        for month in months[1:]
        if month in fresh and (months[0], month) in pairs
    ]
    return (*tests, *_holm(frozen_tests))


def find_drift_periods(
    tests: Sequence[MonthTest], *, min_loss: float = 0.02, level: float = CONFIDENCE
) -> tuple[DriftPeriod, ...]:
    """
    Merge consecutive months with a significant loss of at least ``min_loss`` into periods.

    Parameters
    ----------
    tests : sequence of MonthTest
        As `loss_tests` returns them.
    min_loss : float, default=0.02
    level : float, default=0.95
        One minus the family-wise error rate over all months of one kind.
    """
    periods: list[DriftPeriod] = []
    for kind in ("fresh", "frozen"):
        for test in sorted((t for t in tests if t.kind == kind), key=lambda t: t.month):
            if test.loss < min_loss or test.p_value > 1 - level:
                continue
            last = periods[-1] if periods else None
            if last and last.kind == kind and add_months(last.last, 1) == test.month:
                periods[-1] = DriftPeriod(kind, last.first, test.month, max(last.loss, test.loss))
            else:
                periods.append(DriftPeriod(kind, test.month, test.month, test.loss))
    return tuple(periods)


def _welch(month: str, before: FloatArray, after: FloatArray, margin: float) -> MonthTest:
    """Test whether the mean fell by more than ``margin`` between two sets of questions."""
    test = stats.ttest_ind(before - margin, after, equal_var=False, alternative="greater")
    interval = stats.ttest_ind(before, after, equal_var=False).confidence_interval(CONFIDENCE)
    loss = float(before.mean() - after.mean())
    return MonthTest(
        month, "fresh", loss, float(interval.low), float(interval.high), float(test.pvalue)
    )


def _paired(month: str, losses: FloatArray, margin: float) -> MonthTest:
    """Test whether the mean loss on the same questions exceeds ``margin``."""
    loss = float(losses.mean())
    if np.ptp(losses) == 0:
        return MonthTest(month, "frozen", loss, loss, loss, float(loss <= margin))
    test = stats.ttest_1samp(losses, margin, alternative="greater")
    interval = stats.ttest_1samp(losses, 0.0).confidence_interval(CONFIDENCE)
    return MonthTest(
        month, "frozen", loss, float(interval.low), float(interval.high), float(test.pvalue)
    )


def _holm(tests: Sequence[MonthTest]) -> tuple[MonthTest, ...]:
    """Adjust p-values over all tests by Holm's step-down procedure."""
    order = sorted(range(len(tests)), key=lambda index: tests[index].p_value)
    adjusted = [0.0] * len(tests)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(tests) - rank) * tests[index].p_value))
        adjusted[index] = largest
    return tuple(
        MonthTest(test.month, test.kind, test.loss, test.low, test.high, p_value)
        for test, p_value in zip(tests, adjusted, strict=True)
    )
