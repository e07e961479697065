"""Evidence that families with a reranker share: slopes of scores, and mentions as reasons."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Reason
from include.candidates.mentions import MENTION_FEATURES

_MIN_SCORE = 0.01
"""Below it, the slope of the logarithm would let one word explain everything."""


def score_slopes(weights: NDArray[np.float64], scores: Sequence[float]) -> list[float]:
    """
    Return the derivative of the log-odds by each first-stage score.

    Parameters
    ----------
    weights : ndarray of float64
        Of the reranker; its first features are each score and its logarithm.
    scores : sequence of float
        By each regression, of one question and tag.
    """
    return [
        float(weights[2 * index] + weights[2 * index + 1] / max(float(score), _MIN_SCORE))
        for index, score in enumerate(scores)
    ]


def mention_reasons(
    tag: str, weights: NDArray[np.float64], values: NDArray[np.float32]
) -> list[Reason]:
    """
    Return one reason for each kind of mention.

    Parameters
    ----------
    tag : str
    weights : ndarray of float64, shape (5,)
        Of the reranker, for the mentions.
    values : ndarray of float32, shape (5,)
        How far the tag is mentioned, as `MENTION_FEATURES`.
    """
    return [
        Reason("mention", f"{tag}: {name}", float(weight * value))
        for name, weight, value in zip(MENTION_FEATURES, weights, values, strict=True)
    ]


def strongest(reasons: Iterable[Reason], limit: int) -> tuple[Reason, ...]:
    """Return the ``limit`` reasons with the largest positive weight, largest first."""
    ordered = sorted(reasons, key=lambda reason: (-reason.weight, reason.text))
    return tuple(reason for reason in ordered[:limit] if reason.weight > 0)
