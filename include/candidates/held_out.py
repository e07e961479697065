"""Calibration of a family's scores on the latest questions, scored by a model without them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import top_k
from include.candidates.calibration import ScoreCalibration
from include.candidates.suggested_set import SET_DEPTH

CALIBRATED_ON: Final = 500
"""Questions: more are older, and scores drift."""
_MIN_LEARNED: Final = 2
"""Times as many questions must be left to learn from."""


def calibration_rows(n: int) -> slice:
    """
    Return the latest questions, to hold out for a calibration: fewer in a small window.

    Examples
    --------
    >>> calibration_rows(10_000), calibration_rows(9), calibration_rows(2)
    (slice(9500, 10000, None), slice(6, 9, None), slice(2, 2, None))
    """
    return slice(n - min(CALIBRATED_ON, n // (1 + _MIN_LEARNED)), n)


def calibrate(scores: NDArray[np.float32], labels: NDArray[np.float32]) -> ScoreCalibration:
    """
    Return the calibration of each question's `SET_DEPTH` best scores; the identity for none.

    Parameters
    ----------
    scores : ndarray of float32, shape (n, n_tags)
        In [0, 1], of questions that the scoring model did not learn from.
    labels : ndarray, shape (n, n_tags)
        1 where the question has the tag, else 0.
    """
    if not len(scores):
        return ScoreCalibration()
    best = top_k(scores, SET_DEPTH)
    found = np.take_along_axis(labels, best, axis=1) > 0
    return ScoreCalibration.fit(np.take_along_axis(scores, best, axis=1), found)


def calibrate_pairs(
    rows: NDArray[np.intp], scores: NDArray[np.float32], labels: NDArray[np.float32]
) -> ScoreCalibration:
    """
    Return what `calibrate` does from pairs of a question and a tag.

    Parameters
    ----------
    rows : ndarray of int, shape (n_pairs,)
        Question of each pair, in any order.
    scores, labels : ndarray, shape (n_pairs,)
    """
    order = np.argsort(rows, kind="stable")
    _, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
    shape = (len(starts), int(counts.max(initial=0)))
    inside = np.arange(shape[1]) < counts[:, None]
    of_questions = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for dense, values in zip(of_questions, (scores, labels), strict=True):
        dense[inside] = values[order]
    return calibrate(*of_questions)


def calibration_state(calibration: ScoreCalibration | None) -> dict[str, float]:
    """Return a calibration as plain JSON values."""
    return asdict(calibration or ScoreCalibration())


def stored_calibration(state: dict[str, Any]) -> ScoreCalibration | None:
    """Return the calibration in a family's stored state; models of earlier releases have none."""
    return ScoreCalibration(**state["calibration"]) if "calibration" in state else None
