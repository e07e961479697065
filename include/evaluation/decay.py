"""
How long a tag model stays good. Pure: scores per question in, matrices and half-lives out.

A model is named by its **model month**: the first month that it has not seen. Its age on a test
month is the number of months between the two, 0 on the model month itself. Figures are over all
questions (``f1_all@5``), so that a tag born after the training counts against the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.evaluation.metrics import DEPTH, QuestionScores, summarise
from include.months import months_between

FloatArray = NDArray[np.float64]
Pair = tuple[str, str]
PairScores = Mapping[Pair, QuestionScores]

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class DecayMatrix:
    """
    One metric for every pair of model month and test month.

    Parameters
    ----------
    months : tuple of str, length n
        Model months (rows) and test months (columns), in order of time.
    values : ndarray of float, shape (n, n)
        NaN below the diagonal (a model is not tested on what it has seen) and where a pair is
        missing.
    """

    months: tuple[str, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True)
class HalfLife:
    """
    Months until a model is half as good as a fresh one on the same questions.

    Parameters
    ----------
    months : float
        > 0; infinite where no decay is seen.
    low, high : float
        The bootstrap's interval (95 %) of ``months``; ``high`` may be infinite.
    """

    months: float
    low: float
    high: float


def months_apart(model_month: str, test_month: str) -> int:
    """
    Return the age of a model on a test month, in months, >= 0.

    Examples
    --------
    >>> months_apart("2019-11", "2020-02")
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
    place = {month: index for index, month in enumerate(months)}
    values = np.full((len(months), len(months)), np.nan)
    for (model_month, test_month), scores in pairs.items():
        if test_month < model_month:
            raise FixInputError(
                f"the model of {model_month} has seen {test_month}: it cannot be tested on it"
            )
        values[place[model_month], place[test_month]] = summarise(scores)[metric]
    return DecayMatrix(months, values)


def resampled_means(
    rows: Sequence[FloatArray], samples: int, random: np.random.Generator
) -> FloatArray:
    """
    Return bootstrap means of several scores of the same questions, drawn together.

    Parameters
    ----------
    rows : sequence of ndarray, each of shape (n_questions,)
        Scores of the same questions by different models; n_questions >= 1.
    samples : int
        Resamples, >= 1.
    random : numpy Generator
        Moves on; the same state gives the same draws.

    Returns
    -------
    ndarray, shape (len(rows), samples)
    """
    stacked = np.stack(rows)
    count = stacked.shape[1]
    weights = random.multinomial(count, np.full(count, 1 / count), size=samples) / count
    means: FloatArray = stacked @ weights.T
    return means


def interval(draws: FloatArray, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws, shape (samples,)."""
    edge = (1 - level) / 2
    low, high = np.quantile(draws, [edge, 1 - edge], method="inverted_cdf")
    return float(low), float(high)


def half_life(pairs: PairScores, *, samples: int, seed: int) -> HalfLife:
    """
    Estimate how fast models of this kind grow old.

    The log2 of a model's mean F1 over that of the fresh model **on the same questions** (so that
    an easy or hard month counts for both) is fitted by a straight line through the origin over
    age; minus one over its slope is the half-life. The interval resamples questions inside each
    test month, the same draw for every model, and test months as blocks.

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
    true_products, true_squares = [], []
    for test_month in sorted({test for _, test in pairs}):
        models = sorted(model for model, test in pairs if test == test_month)
        if models[-1] != test_month or len(models) < 2:
            continue
        ages = np.array([months_apart(model, test_month) for model in models], dtype=np.float64)
        rows = [pairs[model, test_month].f1_all(DEPTH) for model in models]
        draws = resampled_means(rows, samples, random)
        products.append(ages @ _log2_ratio(draws))
        true_products.append(
            float(ages @ _log2_ratio(np.array([row.mean() for row in rows])[:, None])[:, 0])
        )
        squares.append(np.full(samples, float(ages @ ages)))
        true_squares.append(float(ages @ ages))
    if not products:
        raise FixInputError("no model was tested a month after its own: there is no age to fit")
    blocks = random.integers(len(products), size=(len(products), samples))
    column = np.arange(samples)
    slopes = np.array(products)[blocks, column].sum(axis=0)
    slopes /= np.array(squares)[blocks, column].sum(axis=0)
    low, high = interval(_months_of(slopes))
    slope = np.array([sum(true_products) / sum(true_squares)])
    return HalfLife(float(_months_of(slope)[0]), low, high)


def _log2_ratio(means: FloatArray) -> FloatArray:
    """Return log2 of each row over the last (the fresh model); 1e-6 stands for no hit at all."""
    floored = np.maximum(means, 1e-6)
    ratios: FloatArray = np.log2(floored / floored[-1])
    return ratios


def _months_of(slopes: FloatArray) -> FloatArray:
    """Turn slopes (log2 per month) into half-lives; a slope of zero or more never halves."""
    falling = slopes < 0
    months = np.full(slopes.shape, np.inf)
    months[falling] = -1 / slopes[falling]
    return months
