"""
The second stage: from what is known of a (question, tag) pair to the chance that it is true.

A logistic regression over few features (the first stage's score, mentions of the tag's name),
shared by all tags, so it learns from rare tags too and its answer is a calibrated probability.
"""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from include.errors import ModelUnusableError

PAIRS: Final = 1_500_000
"""Pairs to learn from: the latest questions with all their tags, as many as make this number."""

_FLOOR: Final = 0.003
"""Below this a ridge score is noise around zero, and its logarithm would be made of it."""


def score_features(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each score and its logarithm, shape (..., 2): evidence adds up on the log scale."""
    return np.stack([scores, np.log(np.maximum(scores, np.float32(_FLOOR)))], axis=-1)


def latest_rows(rows: int, columns: int) -> slice:
    """Return the latest rows that make `PAIRS` pairs, at least one."""
    return slice(max(0, rows - max(1, PAIRS // max(1, columns))), rows)


class PairModel:
    """Logistic regression over pair features: ``weights[:-1]`` by feature, then the intercept."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self.weights = weights
        self._single = weights.astype(np.float32)

    @classmethod
    def fit(
        cls, features: NDArray[np.float32], labels: NDArray[np.float32], penalty: float = 0.1
    ) -> Self:
        """
        Fit by Newton's method, which is exact and takes about ten steps.

        Parameters
        ----------
        features : ndarray of float32, shape (n, n_vocabulary, n_features)
        labels : ndarray of float32, shape (n, n_vocabulary)
        penalty : float, default=0.1
            On the squared weights, not on the intercept.
        """
        X = features.reshape(-1, features.shape[-1])
        y = labels.ravel()
        n_features = X.shape[1]
        shrink = np.full(n_features + 1, penalty)
        shrink[-1] = 1e-6
        weights: NDArray[np.float64] = np.zeros(n_features + 1)
        weights[-1] = np.log((y.mean() + 1e-6) / (1 - y.mean() + 1e-6))
        for _ in range(50):
            step = _newton_step(X, y, weights, shrink)
            weights -= step
            if np.abs(step).max() < 1e-6:
                break
        return cls(weights)

    @classmethod
    def from_list(cls, weights: Sequence[float], n_features: int) -> Self:
        """Return the saved model; ModelUnusableError if it has another number of features."""
        if len(weights) != n_features + 1:
            raise ModelUnusableError(
                f"the pair model has {len(weights)} weights, {n_features + 1} are needed"
            )
        return cls(np.asarray(weights, dtype=np.float64))

    def chance_of_parts(
        self,
        scores: NDArray[np.float32],
        tag_logits: NDArray[np.float32],
        mentions: Sequence[NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """
        Return what ``chance`` does, from parts of the features: the sums without their table.

        Parameters
        ----------
        scores : ndarray of float32, shape (n_blends, n, n_vocabulary)
            What ``score_features`` makes the first features of.
        tag_logits : ndarray of float32, shape (n_vocabulary,)
            What ``logits_of_facts`` makes of the features after them, which all rows share.
        mentions : sequence of ndarray of float32, shape (n_vocabulary, n_mentions)
            The last features, by row; empty if there are none.
        """
        weights = self._single
        logits = np.empty(scores.shape[1:], dtype=np.float32)
        logits[:] = tag_logits
        for blend, linear, logarithmic in zip(scores, weights[0::2], weights[1::2], strict=False):
            logits += linear * blend
            logits += logarithmic * np.log(np.maximum(blend, np.float32(_FLOOR)))
        for row, found in zip(logits, mentions, strict=bool(mentions)):
            row += found @ weights[-1 - found.shape[1] : -1]
        return _sigmoid(logits)

    def logits_of_facts(self, facts: NDArray[np.float32], first: int) -> NDArray[np.float32]:
        """Return the sum of the tags' facts, features from ``first`` on, and the intercept."""
        weights = self._single
        logits: NDArray[np.float32] = facts @ weights[first : first + facts.shape[1]] + weights[-1]
        return logits

    def chance(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the chance of each pair, in [0, 1], shape as ``features`` without its last."""
        logits = features @ self.weights[:-1].astype(np.float32) + np.float32(self.weights[-1])
        return _sigmoid(logits.astype(np.float32, copy=False))


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logistic function, without overflow."""
    half = np.float32(0.5)
    chance: NDArray[np.float32] = half * logits
    np.tanh(chance, out=chance)
    chance += 1
    chance *= half
    return chance


def _newton_step(
    X: NDArray[np.float32],
    y: NDArray[np.float32],
    weights: NDArray[np.float64],
    shrink: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the step down the penalised log loss, cut to a length that cannot overshoot far."""
    chance = _sigmoid(X @ weights[:-1].astype(np.float32) + np.float32(weights[-1]))
    error = chance - y
    curvature = np.maximum(chance * (1 - chance), 1e-6)
    weighted = X * curvature[:, None]
    n_features = X.shape[1]
    hessian = np.empty((n_features + 1, n_features + 1))
    hessian[:-1, :-1] = X.T @ weighted
    hessian[-1, :-1] = hessian[:-1, -1] = weighted.sum(axis=0)
    hessian[-1, -1] = curvature.sum()
    hessian[np.diag_indices_from(hessian)] += shrink
    gradient = np.append(X.T @ error, error.sum()) + shrink * weights
    step = np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)
    return step / max(1.0, float(np.abs(step).max()) / 5.0)
