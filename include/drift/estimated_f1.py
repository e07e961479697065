"""
F1 estimated before the true tags are known, from the scores of the suggestions. Pure.

If scores are calibrated, a suggestion with the score s is true with the probability s, so that the
expected number of true ones among the suggestions of a question is the sum of their scores. This is
confidence-based performance estimation as NannyML describes it for one label of a few classes, here
for the suggestions of a multi-label model. It sees questions that are harder than before. It does
not see true tags that the model cannot suggest, or a relation of texts and tags that has changed:
scores do not know of either.

References
----------
.. [1] NannyML, "Confidence-based performance estimation (CBPE)", in its documentation, "How it
   works: Estimating performance".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DEPTH: Final = 5
_Z: Final = 1.96
"""Half-width of a 95 % interval of a normal distribution, in standard deviations."""


@dataclass(frozen=True, slots=True)
class EstimatedF1:
    """
    Estimated mean F1 over all tags, with its 95 % interval.

    Parameters
    ----------
    mean, low, high : float
        In [0, 1]. The interval is of the sampling of questions and of their tags given the scores;
        an error of the calibration is not in it.
    question_count : int
    """

    mean: float
    low: float
    high: float
    question_count: int


def estimated_f1(
    scores: NDArray[np.float64],
    tag_counts: NDArray[np.number[Any]],
    sizes: NDArray[np.int64] | None = None,
) -> EstimatedF1:
    """
    Return the F1 over all tags that is expected of suggestions with these scores.

    F1 of a question with h true ones among n suggestions and t tags is ``2 h / (n + t)``. The
    expected h stands for h, and the mean is taken over the numbers of tags of earlier questions,
    each at least the expected h: a question has no fewer tags than suggestions that are true.
    ``refresh_daily_indicators.sql`` computes the same of the service's answers.

    Parameters
    ----------
    scores : ndarray of float, shape (n_questions, DEPTH)
        Calibrated, in [0, 1]; 0 beyond the last suggestion. At least one question.
    tag_counts : ndarray, shape (n_earlier,)
        Tags of questions whose tags are known, whole numbers > 0. At least one question.
    sizes : ndarray of int, shape (n_questions,), optional
        Suggestions of each question that count, best first, in 0..DEPTH; default: DEPTH of each,
        as in F1@5. Without suggestions F1 is 0.

    Examples
    --------
    >>> found = estimated_f1(np.full((100, 5), 0.4), np.array([2, 3, 4]))
    >>> f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"
    '0.51 (0.45 to 0.56)'
    """
    if sizes is None:
        sizes = np.full(len(scores), DEPTH)
    scores = np.where(np.arange(DEPTH) < sizes[:, np.newaxis], scores, 0.0)
    hits = scores.sum(axis=1)
    values, counts = np.unique(tag_counts, return_counts=True)
    # Expected F1 over expected hits, shape (n_questions,)
    weight = (2 / (sizes[:, np.newaxis] + np.maximum.outer(hits, values))) @ (counts / counts.sum())
    expected = weight * hits
    # Whether a suggestion is true, given its score: independent draws
    of_labels = weight**2 * (scores * (1 - scores)).sum(axis=1)
    error = _Z * float(np.sqrt((expected.var() + of_labels.mean()) / len(scores)))
    mean = float(expected.mean())
    return EstimatedF1(mean, max(0.0, mean - error), min(1.0, mean + error), len(scores))
