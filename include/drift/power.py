"""What a calibration can see: shifts of known sizes put into reference questions. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from include.drift.calibration import Calibration, random_splits
from include.drift.samples import Sample
from include.drift.signal import SignalValue
from include.drift.signals import SIGNAL

SIZES: Final = (0.02, 0.05, 0.1, 0.2, 0.5)
DRAWS: Final = 40

Shift = Callable[[Sample, NDArray[np.bool_]], Sample]


def power(
    reference: Sample, calibration: Calibration, *, draws: int = DRAWS, seed: int = 0
) -> list[dict[str, str | float]]:
    """
    Return how often shifts of several kinds and sizes are detected.

    Parameters
    ----------
    reference : Sample
        As calibrated on.
    calibration : Calibration
    draws : int, default=40
        Random splits per kind and size.
    seed : int, default=0

    Returns
    -------
    list of dict
        Plain values: ``shift``, ``size`` (share of the questions touched) and ``detected``.
    """
    shifts = _shifts_for(calibration)
    wide = _with_new_columns(reference)
    shown: list[dict[str, str | float]] = []
    for shift, change in shifts.items():
        for size in SIZES:
            generator = np.random.default_rng(seed)
            found = 0
            for was, now in random_splits(wide, calibration.size, draws, generator):
                touched = generator.random(len(now)) < size
                found += _alarmed(was, change(now, touched), calibration)
            shown.append({"shift": shift, "size": size, "detected": found / draws})
    return shown


def _shifts_for(calibration: Calibration) -> dict[str, Shift]:
    """Return the shifts that a signal with a threshold could see at all."""
    every: dict[str, tuple[Shift, set[str]]] = {
        "new subject: a tag and a word never seen": (_new_subject, {"unknown_words", "new_tags"}),
        "texts twice as long": (_longer, {"text_length"}),
        "the same suggestion for each": (_same_suggestion, {"predicted_tags"}),
        "no suggestion is right": (_all_wrong, {"f1_fall"}),
    }
    known = calibration.nulls.keys()
    return {shift: change for shift, (change, seen_by) in every.items() if seen_by & known}


def _alarmed(was: Sample, now: Sample, calibration: Calibration) -> bool:
    values = [
        SignalValue(name, SIGNAL[name].value(was, now), "") for name in calibration.thresholds
    ]
    return bool(calibration.alarms(values))


def _with_new_columns(sample: Sample) -> Sample:
    """Return the sample with one word and one tag more, which no question has."""

    def wider(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        rows, columns = matrix.shape
        return sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), (rows, columns + 1))

    return replace(
        sample,
        word_names=(*sample.word_names, "a new word"),
        tag_names=(*sample.tag_names, "a new tag"),
        words=wider(sample.words),
        tags=None if sample.tags is None else wider(sample.tags),
        suggested=None if sample.suggested is None else wider(sample.suggested),
    )


def _new_subject(sample: Sample, touched: NDArray[np.bool_]) -> Sample:
    unreachable = None if sample.unreachable is None else sample.unreachable + touched
    tags = None if sample.tags is None else _marked(sample.tags, touched)
    return replace(sample, words=_marked(sample.words, touched), tags=tags, unreachable=unreachable)


def _marked(matrix: sparse.csr_matrix, touched: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Put ones into the last column, which is empty, of the rows touched."""
    rows = np.flatnonzero(touched)
    columns = np.full(len(rows), matrix.shape[1] - 1)
    ones = np.ones(len(rows), dtype=np.int8)
    marks = sparse.csr_matrix((ones, (rows, columns)), shape=matrix.shape)
    return sparse.csr_matrix(matrix + marks)


def _longer(sample: Sample, touched: NDArray[np.bool_]) -> Sample:
    return replace(sample, word_counts=sample.word_counts * np.where(touched, 2, 1))


def _same_suggestion(sample: Sample, touched: NDArray[np.bool_]) -> Sample:
    """Suggest the tag that is suggested most, and nothing else."""
    assert sample.suggested is not None
    kept = sparse.diags_array(~touched, dtype=np.int8) @ sample.suggested
    best = int(sample.suggested_use.argmax())
    rows = np.flatnonzero(touched)
    only = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.int8), (rows, np.full(len(rows), best))),
        shape=sample.suggested.shape,
    )
    return replace(sample, suggested=sparse.csr_matrix(kept + only))


def _all_wrong(sample: Sample, touched: NDArray[np.bool_]) -> Sample:
    assert sample.f1 is not None
    found = None if sample.found is None else sample.found & ~touched[:, None]
    return replace(sample, f1=np.where(touched, 0.0, sample.f1), found=found)
