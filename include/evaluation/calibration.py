"""Whether scores mean what they say: of the suggestions scored 0.7, seven in ten are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    Scores against what was found, over all suggestions made.

    Parameters
    ----------
    edges : tuple of float, length bins + 1
        Of the score's bins, from 0 to 1; the last bin includes 1.
    counts : tuple of int, length bins
    mean_scores, observed : tuple of float, length bins
        Mean score and share of right suggestions in each bin; NaN where it is empty.
    ece : float
        Expected calibration error (Naeini et al., AAAI 2015): the mean of
        ``|observed - mean score|`` over bins, weighted by suggestions, in [0, 1].
    brier : float
        Mean squared difference of score and truth (Brier, 1950), in [0, 1]; lower is better.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean_scores: tuple[float, ...]
    observed: tuple[float, ...]
    ece: float
    brier: float


def calibrate(scores: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> Calibration:
    """
    Bin suggestions by score and compare each bin's mean score with its share of right ones.

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
    made = np.isfinite(scores)
    given, truth = scores[made].astype(np.float64), right[made].astype(np.float64)
    if len(given) == 0:
        raise FixInputError("no suggestion was made: nothing to calibrate")
    if given.min() < 0 or given.max() > 1:
        raise FixInputError(f"scores must be in [0, 1], got {given.min():g} to {given.max():g}")
    place = np.minimum((given * bins).astype(np.intp), bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_scores = np.bincount(place, weights=given, minlength=bins) / counts
        observed = np.bincount(place, weights=truth, minlength=bins) / counts
    gaps = np.nan_to_num(np.abs(observed - mean_scores))
    return Calibration(
        edges=tuple(np.linspace(0, 1, bins + 1).tolist()),
        counts=tuple(counts.tolist()),
        mean_scores=tuple(mean_scores.tolist()),
        observed=tuple(observed.tolist()),
        ece=float((gaps * counts).sum() / len(given)),
        brier=float(np.mean((given - truth) ** 2)),
    )
