"""Calibration of scores: whether seven in ten of the suggestions scored 0.7 are right. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """
    Mean score against the share of right suggestions, by bins of the score.

    Parameters
    ----------
    edges : tuple of float, length bins + 1
        Bin edges of the score, from 0 to 1; the last bin includes 1.
    counts : tuple of int, length bins
    mean_scores, observed : tuple of float, length bins
        Mean score and share of right suggestions in each bin; NaN where it is empty.
    ece : float
        Expected calibration error: the mean of ``|observed - mean score|`` over bins, weighted by
        suggestions, in [0, 1].
    brier : float
        Brier score: the mean squared difference of score and outcome, in [0, 1]; lower is better.

    References
    ----------
    .. [1] Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
       binning", AAAI (2015).
    .. [2] Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
       Review 78 (1950), 1-3.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean_scores: tuple[float, ...]
    observed: tuple[float, ...]
    ece: float
    brier: float


def reliability_curve(
    scores: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10
) -> ReliabilityCurve:
    """
    Return the reliability curve of suggestions, with ECE and Brier score.

    Parameters
    ----------
    scores : ndarray of float, any shape
        In [0, 1]; NaN where no suggestion was made.
    right : ndarray of bool, same shape
        True where the suggestion is a true tag.
    bins : int, default=10
        Of equal width, >= 1.

    Raises
    ------
    FixInputError
        If the shapes differ, a score is outside [0, 1], or no suggestion was made.
    """
    if scores.shape != right.shape:
        raise FixInputError(f"shapes differ: {scores.shape} and {right.shape}")
    finite = np.isfinite(scores)
    given, truth = scores[finite].astype(np.float64), right[finite].astype(np.float64)
    if len(given) == 0:
        raise FixInputError("no suggestion was made: there is no reliability curve")
    if given.min() < 0 or given.max() > 1:
        raise FixInputError(f"scores must be in [0, 1], got {given.min():g} to {given.max():g}")
    bin_index = np.minimum((given * bins).astype(np.intp), bins - 1)
    counts = np.bincount(bin_index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_scores = np.bincount(bin_index, weights=given, minlength=bins) / counts
        observed = np.bincount(bin_index, weights=truth, minlength=bins) / counts
    gaps = np.nan_to_num(np.abs(observed - mean_scores))
    return ReliabilityCurve(
        edges=tuple(np.linspace(0, 1, bins + 1).tolist()),
        counts=tuple(counts.tolist()),
        mean_scores=tuple(mean_scores.tolist()),
        observed=tuple(observed.tolist()),
        ece=float((gaps * counts).sum() / len(given)),
        brier=float(np.mean((given - truth) ** 2)),
    )
