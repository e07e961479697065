"""
Calibration of each question's best scores: of the tags scored 0.7, seven in ten should be true.

A regression over all (question, tag) pairs fits best where most pairs are, near 0, and the best
tags of a question are selected from many, so high scores tend to be too high. They are mapped by
beta calibration [1]_, with a term for the best tag alone: nearly every question has a tag, so the
best one is more often true than a second one of the same score. The order of tags does not change.

References
----------
.. [1] M. Kull, T. M. Silva Filho and P. Flach, "Beta calibration: a well-founded and easily
   implemented improvement on logistic calibration for binary classifiers", AISTATS 2017.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

_LEAST: Final = 1e-6
"""Scores are kept this far from 0 and 1, whose logarithms are infinite."""
_PENALTY: Final = 10.0
"""On half the squared distance from the identity: few questions change little."""


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """
    Maps scores to probabilities: a logistic function of logarithms; by default the identity.

    Parameters
    ----------
    log_score : float, default=1.0
        Weight of ``log(score)``, >= 0.
    log_complement : float, default=1.0
        Weight of ``-log(1 - score)``, >= 0.
    best : float, default=0.0
        Added to the log-odds of each question's best tag, >= 0.
    intercept : float, default=0.0
    """

    log_score: float = 1.0
    log_complement: float = 1.0
    best: float = 0.0
    intercept: float = 0.0

    @classmethod
    def fit(cls, scores: NDArray[np.float32], found: NDArray[np.bool_]) -> Self:
        """
        Fit by maximum likelihood, with a small penalty on the distance from the identity.

        Parameters
        ----------
        scores : ndarray of float, shape (n_questions, n_ranked)
            Best first, in [0, 1], of questions that the scoring model did not learn from.
        found : ndarray of bool, shape (n_questions, n_ranked)
            True where the tag is true.
        """
        from scipy.optimize import minimize  # serving has no need of it

        features = _features(scores).reshape(-1, 4)
        truth = found.ravel().astype(np.float64)
        identity = np.array(astuple(cls()))

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            logits = features @ weights
            gap = 1 / (1 + np.exp(-logits)) - truth
            shift = weights - identity
            likelihood = (np.logaddexp(0, logits) - truth * logits).sum()
            penalty = 0.5 * _PENALTY * (shift @ shift)
            return float(likelihood + penalty), features.T @ gap + _PENALTY * shift

        bounds = [(0, None), (0, None), (0, None), (None, None)]  # keeps the order of the tags
        fitted = minimize(loss, identity, jac=True, method="L-BFGS-B", bounds=bounds)
        return cls(*fitted.x.tolist())

    def apply(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """
        Return calibrated scores of the same shape, in [0, 1], in the same order.

        Parameters
        ----------
        scores : ndarray of float, shape (n_questions, n_ranked)
            Best first, in [0, 1].
        """
        # Not by `astuple`, which copies each value: this runs for every question.
        weights = np.array((self.log_score, self.log_complement, self.best, self.intercept))
        logits = _features(scores) @ weights
        calibrated: NDArray[np.float32] = (1 / (1 + np.exp(-logits))).astype(np.float32)
        return calibrated


def _features(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return shape (n_questions, n_ranked, 4), in the order of the weights."""
    kept = scores.astype(np.float64)
    np.maximum(kept, _LEAST, out=kept)  # a third of the time of `np.clip` for ten scores
    np.minimum(kept, 1 - _LEAST, out=kept)
    features = np.zeros((*scores.shape, 4))
    features[..., 0] = np.log(kept)
    features[..., 1] = -np.log1p(-kept)
    features[:, :1, 2] = 1
    features[..., 3] = 1
    return features
