"""Statistical power of thresholds: how often they detect simulated shifts of known size. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from include.drift.calibration import ThresholdCalibration, random_splits
from include.drift.samples import NameMatrix, Sample
from include.drift.signal_catalogue import SIGNAL

SIZES: Final = (0.02, 0.05, 0.1, 0.2, 0.5)
DRAWS: Final = 40

Shift = Callable[[Sample, NDArray[np.bool_]], Sample]


def power(
    reference: Sample, calibration: ThresholdCalibration, *, draws: int = DRAWS, seed: int = 0
) -> list[dict[str, str | float]]:
    """
    Return the share of simulated shifts of several kinds and sizes that raise an alarm.

    Parameters
    ----------
    reference : Sample
        The sample that the thresholds were calibrated on.
    calibration : ThresholdCalibration
    draws : int, default=40
        Random splits per kind and size.
    seed : int, default=0

    Returns
    -------
    list of dict
        Plain values: ``shift``, ``size`` (share of the questions affected) and
        ``detected`` (share of the draws that raised an alarm), both in [0, 1].
    """
    shifts = _shifts_for(calibration)
    generator = np.random.default_rng(seed)
    detected: Counter[tuple[str, float]] = Counter()
    for rest, part in random_splits(
        _with_new_columns(reference), calibration.size, draws, generator
    ):
        uniform = generator.random(len(part))
        for shift, size in product(shifts, SIZES):
            changed = shifts[shift](part, uniform < size)
            detected[shift, size] += _alarmed(rest, changed, calibration)
    return [
        {"shift": shift, "size": size, "detected": detected[shift, size] / draws}
        for shift, size in product(shifts, SIZES)
    ]


def _shifts_for(calibration: ThresholdCalibration) -> dict[str, Shift]:
    """Return the shifts to which at least one signal with a threshold is sensitive."""
    all_shifts: dict[str, tuple[Shift, set[str]]] = {
        "new subject: a tag and a word never seen": (_new_subject, {"unknown_words", "new_tags"}),
        "texts twice as long": (_double_length, {"text_length"}),
        "the same suggestion for each": (_same_suggestion, {"predicted_tags"}),
        "no suggestion is right": (_all_wrong, {"f1_fall"}),
    }
    known = calibration.null_distributions.keys()
    return {shift: change for shift, (change, sensitive) in all_shifts.items() if sensitive & known}


def _alarmed(reference: Sample, analysis: Sample, calibration: ThresholdCalibration) -> bool:
    return any(
        calibration.exceeds(name, SIGNAL[name].value(reference, analysis))
        for name in calibration.null_distributions
    )


def _with_new_columns(sample: Sample) -> Sample:
    """Return the sample with one additional word and tag, which no question has."""

    def wider(names: NameMatrix) -> NameMatrix:
        matrix = names.matrix
        rows, columns = matrix.shape
        parts = (matrix.data, matrix.indices, matrix.indptr)
        return NameMatrix(sparse.csr_matrix(parts, (rows, columns + 1)))

    return replace(
        sample,
        word_names=(*sample.word_names, "a new word"),
        tag_names=(*sample.tag_names, "a new tag"),
        words=wider(sample.words),
        tags=None if sample.tags is None else wider(sample.tags),
        suggested=None if sample.suggested is None else wider(sample.suggested),
    )


def _new_subject(sample: Sample, affected: NDArray[np.bool_]) -> Sample:
    unreachable = None if sample.unreachable is None else sample.unreachable + affected
    tags = None if sample.tags is None else _with_last_column(sample.tags, affected)
    return replace(
        sample, words=_with_last_column(sample.words, affected), tags=tags, unreachable=unreachable
    )


def _with_last_column(names: NameMatrix, affected: NDArray[np.bool_]) -> NameMatrix:
    """Set the last column, which is empty, to one in the affected rows."""
    matrix = names.matrix
    rows = np.flatnonzero(affected)
    columns = np.full(len(rows), matrix.shape[1] - 1)
    ones = np.ones(len(rows), dtype=np.int8)
    added = sparse.csr_matrix((ones, (rows, columns)), shape=matrix.shape)
    return NameMatrix(sparse.csr_matrix(matrix + added))


def _double_length(sample: Sample, affected: NDArray[np.bool_]) -> Sample:
    return replace(sample, word_counts=sample.word_counts * np.where(affected, 2, 1))


def _same_suggestion(sample: Sample, affected: NDArray[np.bool_]) -> Sample:
    """Suggest the most frequent suggestion and nothing else."""
    assert sample.suggested is not None
    suggested = sample.suggested.matrix
    kept = sparse.diags_array(~affected, dtype=np.int8) @ suggested
    best = int(sample.suggested_use.argmax())
    rows = np.flatnonzero(affected)
    only = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.int8), (rows, np.full(len(rows), best))),
        shape=suggested.shape,
    )
    return replace(sample, suggested=NameMatrix(sparse.csr_matrix(kept + only)))


def _all_wrong(sample: Sample, affected: NDArray[np.bool_]) -> Sample:
    assert sample.f1 is not None
    found = None if sample.found is None else sample.found & ~affected[:, None]
    return replace(sample, f1=np.where(affected, 0.0, sample.f1), found=found)
