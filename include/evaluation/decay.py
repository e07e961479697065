"""
Decay of a model's quality with age. Pure: scores per question in, matrices and half-lives out.

A model is identified by its **model month**: the first month after its training window. Its age on
a test month is the number of months between the two, 0 on the model month itself. Figures are over
all questions (``f1_all@5``), so that a tag born after the training counts against the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from include.errors import FixInputError
from include.evaluation.metrics import DEPTH, QuestionScores, summarise
from include.months import months_between

FloatArray = NDArray[np.float64]
MonthPair = tuple[str, str]
PairScores = Mapping[MonthPair, QuestionScores]

UNSEEN_SHOCK: Final = -1 / 3
"""
Decay of a month in log2, a fifth: what two releases cost on a slice about reactive programming.
"""
_TAIL: Final = 0.025
"""Share of a distribution beyond each end of an interval of 95 %."""


@dataclass(frozen=True, slots=True, eq=False)
class DecayMatrix:
    """
    One metric for every pair of model month and test month.

    Parameters
    ----------
    months : tuple of str, length n
        Model months (rows) and test months (columns), in order of time.
    values : ndarray of float, shape (n, n)
        NaN below the diagonal (a model is not tested on training months) and where a pair is
        missing.
    """

    months: tuple[str, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True)
class HalfLife:
    """
    Age at which a model is half as good as a fresh one on the same questions.

    Parameters
    ----------
    months : float
        > 0; infinite where no decay is seen.
    low, high : float
        Interval (95 %) of ``months``; ``high`` is infinite where the months are too few, or differ
        too much, to tell decay from none.
    """

    months: float
    low: float
    high: float


def model_age(model_month: str, test_month: str) -> int:
    """
    Return the age of a model on a test month, in months, >= 0.

    Examples
    --------
    >>> model_age("2019-11", "2020-02")
    3
    """
    return len(months_between(model_month, test_month)) - 1


def decay_matrix(pairs: PairScores, metric: str = "f1_all@5") -> DecayMatrix:
    """
    Arrange one metric of `include.evaluation.metrics.summarise` by model and test month.

    Raises
    ------
    FixInputError
        If there are no pairs, or a model would be tested on a month before its own.
    """
    if not pairs:
        raise FixInputError("there are no evaluated pairs of months")
    months = tuple(sorted({month for pair in pairs for month in pair}))
    position = {month: index for index, month in enumerate(months)}
    values = np.full((len(months), len(months)), np.nan)
    for (model_month, test_month), scores in pairs.items():
        if test_month < model_month:
            raise FixInputError(
                f"the model of {model_month} was trained on {test_month}: it cannot be tested on it"
            )
        values[position[model_month], position[test_month]] = summarise(scores)[metric]
    return DecayMatrix(months, values)


def half_life(pairs: PairScores) -> HalfLife:
    """
    Estimate the half-life of a model's quality relative to a fresh model.

    Least squares through the origin regress the log2 of a model's mean F1 over that of the fresh
    model **on the same questions** (so that the difficulty of a month cancels) on the model's age;
    the half-life is minus one over the slope.

    Decay may come in shocks, as with a release, and a shock in one month shows in every pair with
    that month between training and test. So the interval's units are the steps from month to month:
    what all pairs say of each step's decay is estimated by least squares, and the slope is a
    weighted mean of the steps, with Student's t for their variation. As a few quiet steps cannot
    rule a shock out [1]_, the interval's end of fast decay counts one step more, with
    `UNSEEN_SHOCK` or twice the largest decay that was seen.

    Parameters
    ----------
    pairs : mapping of (model month, test month) to QuestionScores
        With the fresh model of each test month; pairs without one are left out.

    Raises
    ------
    FixInputError
        If no model was tested at an age of one month or more.

    References
    ----------
    .. [1] J. A. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?
       Interpreting zero numerators", JAMA 249(13), 1743-1745, 1983.
    """
    steps, ratios = _aged_pairs(pairs)
    if not len(ratios):
        raise FixInputError(
            "a half-life needs a model that was tested at an age of at least one month"
        )
    ages = steps.sum(axis=1)
    slope = float(ages @ ratios / (ages @ ages))
    weights = ages @ steps / (ages @ ages)
    solved, _, known, _ = np.linalg.lstsq(steps, ratios)
    decays: FloatArray = solved.astype(np.float64, copy=False)
    count = min(float(known), 1 / float(weights @ weights))
    unseen = min(2 * float(decays.min()), UNSEEN_SHOCK)
    fast, slow = interval_of_steps(slope, decays, count, unseen)
    found, low, high = _months_of(np.array([slope, fast, slow])).tolist()
    return HalfLife(found, low, high)


def _aged_pairs(pairs: PairScores) -> tuple[FloatArray, FloatArray]:
    """
    Return the steps in the age of each pair, and log2 of its F1 over that of the fresh model.

    Steps that no pair has are left out.
    """
    steps, means = steps_and_means(pairs)
    ratios = np.array([_log2_ratio(row)[0] for row in means])
    return steps[:, steps.any(axis=0)], ratios


def steps_and_means(pairs: PairScores) -> tuple[FloatArray, FloatArray]:
    """
    Return the steps in the age of each pair of an earlier model with a fresh one, and their F1.

    Parameters
    ----------
    pairs : mapping of (model month, test month) to QuestionScores
        Those without a fresh model of the test month are left out.

    Returns
    -------
    steps : ndarray, shape (n_pairs, n_months - 1)
        1 from the model month to the test month, else 0.
    means : ndarray, shape (n_pairs, 2)
        Mean F1@5 of the earlier and of the fresh model on the same questions.
    """
    tests = {test for model, test in pairs if model == test}
    aged = sorted(pair for pair in pairs if pair[0] < pair[1] and pair[1] in tests)
    if not aged:
        return np.empty((0, 0)), np.empty((0, 2))
    months = months_between(aged[0][0], max(test for _, test in aged))
    position = {month: index for index, month in enumerate(months)}
    steps = np.zeros((len(aged), len(months) - 1))
    means = np.empty((len(aged), 2))
    for row, (model, test) in enumerate(aged):
        steps[row, position[model] : position[test]] = 1
        means[row] = [pairs[month, test].f1_all(DEPTH).mean() for month in (model, test)]
    return steps, means


def interval_of_steps(
    mean: float, steps: FloatArray, count: float, unseen: float
) -> tuple[float, float]:
    """
    Return both ends of the interval (95 %) of a mean over steps from month to month.

    Student's t for the variation of the steps; the lower end allows for one step more that was not
    seen, of the size ``unseen``, as a few quiet steps cannot rule a shock out.

    Parameters
    ----------
    mean : float
        A weighted mean of ``steps``.
    steps : ndarray of float
        At least one.
    count : float
        Steps that the mean is worth, >= 1.
    unseen : float
        Below the steps.

    Returns
    -------
    low, high : float
        ``high`` is infinite where the steps are too few.
    """
    spread = np.append(steps, unseen).std(ddof=1) / np.sqrt(count + 1)
    low = (mean * count + unseen) / (count + 1) - stats.t.isf(_TAIL, count) * float(spread)
    if count < 2:
        return float(low), np.inf
    half = stats.t.isf(_TAIL, count - 1) * float(steps.std(ddof=1) / np.sqrt(count))
    return float(min(low, mean - half)), float(mean + half)


def _log2_ratio(means: FloatArray) -> FloatArray:
    """Return log2 of each row over the last (the fresh model); 1e-6 replaces a mean of zero."""
    floored = np.maximum(means, 1e-6)
    ratios: FloatArray = np.log2(floored / floored[-1])
    return ratios


def _months_of(slopes: FloatArray) -> FloatArray:
    """Turn slopes (log2 per month) into half-lives; a slope of zero or more gives infinity."""
    falling = slopes < 0
    months = np.full(slopes.shape, np.inf)
    months[falling] = -1 / slopes[falling]
    return months
