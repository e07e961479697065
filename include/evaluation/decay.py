"""
Decay of a model's quality with age. Pure: scores per question in, matrices and half-lives out.

A model is identified by its **model month**: the first month after its training window. Its age on
a test month is the number of months between the two, 0 on the model month itself. Figures are over
all questions (``f1_all@5``), so that a tag born after the training counts against the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.evaluation.bootstrap import bootstrap_means, percentile_interval
from include.evaluation.metrics import DEPTH, QuestionScores, summarise
from include.months import months_between

FloatArray = NDArray[np.float64]
MonthPair = tuple[str, str]
PairScores = Mapping[MonthPair, QuestionScores]


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
        Bootstrap interval (95 %) of ``months``; ``high`` may be infinite.
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


def half_life(pairs: PairScores, *, samples: int, seed: int) -> HalfLife:
    """
    Estimate the half-life of a model's quality relative to a fresh model.

    Least squares through the origin regress the log2 of a model's mean F1 over that of the fresh
    model **on the same questions** (so that the difficulty of a month cancels) on the model's age;
    the half-life is minus one over the slope. The interval resamples questions within each test
    month, with the same draw for every model, and test months as blocks (two-stage bootstrap).

    Parameters
    ----------
    pairs : mapping of (model month, test month) to QuestionScores
        With the fresh model of each test month; pairs without one are left out.
    samples : int
        Bootstrap resamples, >= 100.
    seed : int
        Of the resamples.

    Raises
    ------
    FixInputError
        If no model was tested at an age of one month or more.
    """
    random = np.random.default_rng(seed)
    products, squares = [], []
    sample_products, sample_squares = [], []
    for test_month in sorted({test for _, test in pairs}):
        models = sorted(model for model, test in pairs if test == test_month)
        if models[-1] != test_month or len(models) < 2:
            continue
        ages = np.array([model_age(model, test_month) for model in models], dtype=np.float64)
        rows = [pairs[model, test_month].f1_all(DEPTH) for model in models]
        draws = bootstrap_means(np.stack(rows), samples, random)
        products.append(ages @ _log2_ratio(draws))
        sample_products.append(
            float(ages @ _log2_ratio(np.array([row.mean() for row in rows])[:, None])[:, 0])
        )
        squares.append(np.full(samples, float(ages @ ages)))
        sample_squares.append(float(ages @ ages))
    if not products:
        raise FixInputError(
            "a half-life needs a model that was tested at an age of at least one month"
        )
    blocks = random.integers(len(products), size=(len(products), samples))
    column = np.arange(samples)
    slopes = np.array(products)[blocks, column].sum(axis=0)
    slopes /= np.array(squares)[blocks, column].sum(axis=0)
    low, high = percentile_interval(_months_of(slopes))
    slope = np.array([sum(sample_products) / sum(sample_squares)])
    return HalfLife(float(_months_of(slope)[0]), low, high)


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
