"""What a retraining policy or a refresh may change in another year: months are the units. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.evaluation.decay import UNSEEN_SHOCK, PairScores, interval_of_steps, steps_and_means
from include.months import months_between

FloatArray = NDArray[np.float64]


def loss_in_other_years(
    pairs: PairScores,
    months: Sequence[str],
    models: Sequence[str],
    weights: FloatArray,
    *,
    on_drift: bool = False,
) -> tuple[float, float]:
    """
    Return the interval (95 %) of what a policy loses against monthly retraining in such years.

    A step from month to month takes something from every earlier model; what all pairs say of each
    step is estimated by least squares. A policy loses a step's decay in each later month whose
    model was trained before it, so that its loss is a weighted sum of the steps, with Student's t
    for their variation. The upper end allows for a release that these months did not see, as the
    interval of the half-life does (`decay.half_life`). A policy that retrains on drift pays for
    such a release in one month.

    Parameters
    ----------
    pairs : mapping of (model month, test month) to QuestionScores
    months : sequence of str
        Test months, consecutive.
    models : sequence of str
        The model month in use in each.
    weights : ndarray of float, shape (n_months,)
        Each month's share of the questions.
    on_drift : bool, default=False

    Returns
    -------
    low, high : float
        Of F1@5; -inf and inf where the months are too few to tell.
    """
    steps, means = steps_and_means(pairs)
    known = months_between(months[0], months[-1])
    used = np.zeros(max(len(known) - 1, 1))
    for month, model, weight in zip(months, models, weights, strict=True):
        used[known.index(model) : known.index(month)] += weight
    total = float(used.sum())
    if not total:
        return 0.0, 0.0
    if not len(means) or len(used) < 2 or steps.shape[1] != len(used):
        return -np.inf, np.inf
    solved, _, rank, _ = np.linalg.lstsq(steps, means[:, 0] - means[:, 1])
    gains = solved.astype(np.float64, copy=False)
    count = min(float(rank), total**2 / float(used @ used))
    level = float(means[:, 1].mean())
    unseen = min(2 * float(gains.min()), level * (2**UNSEEN_SHOCK - 1))
    if on_drift:
        unseen *= min(1.0, float(weights.mean()) * len(used) / total)
    mean = float(used @ gains) / total
    low, high = interval_of_steps(mean, gains, count, min(unseen, float(gains.min())))
    return -high * total, -low * total


def change_in_other_years(
    losses: FloatArray, weights: FloatArray, level: float
) -> tuple[float, float]:
    """
    Return the interval (95 %) of the mean loss of a rule whose months are independent.

    So are refreshes within a month: what they gain is over at its end, when a model is trained
    anyway. Student's t over the months; whichever way the mean lies, its end allows for a release
    that these months did not see, of a fifth of F1@5 or twice the largest month.

    Parameters
    ----------
    losses : ndarray of float, shape (n_months,)
        F1@5 of monthly retraining minus that of the rule.
    weights : ndarray of float, shape (n_months,)
        Each month's share of the questions; they sum to 1.
    level : float
        Mean F1@5 of monthly retraining.

    Returns
    -------
    low, high : float
        Of the loss of F1@5; negative is a gain. -inf or inf where the months are too few to tell.
    """
    mean = float(weights @ losses)
    sign = 1.0 if mean > 0 else -1.0  # so that a larger change is negative, as a decay is
    steps = -sign * losses
    unseen = min(2 * float(steps.min()), level * (2**UNSEEN_SHOCK - 1))
    large, small = interval_of_steps(-sign * mean, steps, 1 / float(weights @ weights), unseen)
    return (-small, -large) if sign > 0 else (large, small)
