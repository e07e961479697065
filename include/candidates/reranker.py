"""
The second stage of a stacked candidate: the probability that a question has a tag.

A logistic regression on a few features of a (question, tag) pair: the first stage's scores, and for
some families the tag's frequency and trend and its mentions. All tags share its weights, so it
learns from rare tags too.
"""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from include.errors import ModelUnusableError

MAX_TRAINING_PAIRS: Final = 1_500_000
"""(question, tag) pairs to train on: those of the latest questions with every tag."""

_MIN_SCORE: Final = 0.003
"""Ridge scores below this are noise around zero; the logarithm would magnify it."""


def score_features(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each score and its logarithm, shape (..., 2): evidence adds up on the log scale."""
    return np.stack([scores, np.log(np.maximum(scores, np.float32(_MIN_SCORE)))], axis=-1)


def training_rows(rows: int, columns: int) -> slice:
    """Return the latest rows, as many as make `MAX_TRAINING_PAIRS` pairs, at least one."""
    return slice(max(0, rows - max(1, MAX_TRAINING_PAIRS // max(1, columns))), rows)


class Reranker:
    """Logistic regression on pair features: ``weights[:-1]`` by feature, then the intercept."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self.weights = weights
        self._weights_f32 = weights.astype(np.float32)

    @classmethod
    def fit(
        cls, features: NDArray[np.float32], labels: NDArray[np.float32], penalty: float = 0.1
    ) -> Self:
        """
        Fit by Newton's method with scikit-learn, in about ten steps [1]_.

        Parameters
        ----------
        features : ndarray of float32, shape (..., n_features)
        labels : ndarray of float32, shape (...)
            0 or 1.
        penalty : float, default=0.1
            On half the squared weights, not on the intercept.

        References
        ----------
        .. [1] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning",
           2nd ed., section 4.4.1, Springer, 2009.
        """
        from sklearn.linear_model import LogisticRegression  # 0.7 s that serving has no need of

        X = features.reshape(-1, features.shape[-1])
        y = labels.ravel()
        if y.min() == y.max():  # scikit-learn refuses one class
            certain = np.zeros(X.shape[1] + 1)
            certain[-1] = np.log((y.mean() + 1e-6) / (1 - y.mean() + 1e-6))
            return cls(certain)
        model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-6)
        model.fit(X, y)
        return cls(np.append(model.coef_[0], model.intercept_).astype(np.float64))

    @classmethod
    def from_list(cls, weights: Sequence[float], n_features: int) -> Self:
        """Return the saved model; ModelUnusableError if it has another number of features."""
        if len(weights) != n_features + 1:
            raise ModelUnusableError(
                f"the reranker has {len(weights)} weights, {n_features + 1} are needed"
            )
        return cls(np.asarray(weights, dtype=np.float64))

    def predict_proba_from_parts(
        self,
        scores: NDArray[np.float32],
        tag_logits: NDArray[np.float32],
        mentions: Sequence[NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """
        Return what `predict_proba` does, without building the array of all features.

        Parameters
        ----------
        scores : ndarray of float32, shape (n_ridges, n, n_vocabulary)
            Of the first stage; `score_features` gives the first features of them.
        tag_logits : ndarray of float32, shape (n_vocabulary,)
            Of the next features, the same for all rows: from `logits_of_tag_features`.
        mentions : sequence of ndarray of float32, shape (n_vocabulary, n_mentions)
            The last features, one array a row; empty if there are none.
        """
        weights = self._weights_f32
        logits = np.empty(scores.shape[1:], dtype=np.float32)
        logits[:] = tag_logits
        for ridge_scores, linear, logarithmic in zip(
            scores, weights[0::2], weights[1::2], strict=False
        ):
            logits += linear * ridge_scores
            logits += logarithmic * np.log(np.maximum(ridge_scores, np.float32(_MIN_SCORE)))
        for row, found in zip(logits, mentions, strict=bool(mentions)):
            row += found @ weights[-1 - found.shape[1] : -1]
        return _sigmoid(logits)

    def logits_of_tag_features(
        self, tag_features: NDArray[np.float32], first: int
    ) -> NDArray[np.float32]:
        """Return the part of the logits from the tag features, whose first is number ``first``."""
        used = self._weights_f32[first : first + tag_features.shape[1]]
        logits: NDArray[np.float32] = tag_features @ used + self._weights_f32[-1]
        return logits

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each pair, in [0, 1], shape ``features.shape[:-1]``."""
        logits = features @ self.weights[:-1].astype(np.float32) + np.float32(self.weights[-1])
        return _sigmoid(logits.astype(np.float32, copy=False))


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logistic function, without overflow."""
    half = np.float32(0.5)
    probability: NDArray[np.float32] = half * logits
    np.tanh(probability, out=probability)
    probability += 1
    probability *= half
    return probability
