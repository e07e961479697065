"""Signals on the model's answers: what it suggests, how sure it is, how often it is right."""

from __future__ import annotations

from typing import Final

import numpy as np

from include.drift.movers import divergence, divergence_movers, quartiles
from include.drift.samples import FloatArray, Sample
from include.drift.signal import Mover, Signal
from include.drift.statistics import (
    interval_of_difference,
    kolmogorov_smirnov,
    reliability_shift,
)
from include.drift.tag_signals import DIVERGENCE


def _predicted_tags(reference: Sample, current: Sample) -> float:
    return divergence(reference.suggested_use, current.suggested_use)


def _predicted_tags_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return divergence_movers(reference.suggested_use, current.suggested_use, reference, current)


def _confidence(reference: Sample, current: Sample) -> float:
    assert reference.scores is not None
    assert current.scores is not None
    return kolmogorov_smirnov(reference.scores[:, 0], current.scores[:, 0])


def _confidence_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    assert reference.scores is not None
    assert current.scores is not None
    return quartiles("best score", reference.scores[:, 0], current.scores[:, 0])


def _calibration(reference: Sample, current: Sample) -> float:
    weight, before, after = _reliability(reference, current)
    return float((weight * np.abs(after - before)).sum())


def _calibration_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    weight, before, after = _reliability(reference, current)
    carried = weight * np.abs(after - before)
    return tuple(
        Mover(
            f"hit rate, score fifth {i + 1}", float(before[i]), float(after[i]), float(carried[i])
        )
        for i in np.argsort(-carried, kind="stable")
    )


def _reliability(reference: Sample, current: Sample) -> tuple[FloatArray, FloatArray, FloatArray]:
    assert reference.scores is not None
    assert current.scores is not None
    assert reference.found is not None
    assert current.found is not None
    return reliability_shift(
        reference.scores.ravel(),
        reference.found.ravel(),
        current.scores.ravel(),
        current.found.ravel(),
    )


def _f1_fall(reference: Sample, current: Sample) -> float:
    assert reference.f1 is not None
    assert current.f1 is not None
    return float(reference.f1.mean() - current.f1.mean())


def _f1_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    assert reference.f1 is not None
    assert current.f1 is not None
    fall = _f1_fall(reference, current)
    return (Mover("F1@5", float(reference.f1.mean()), float(current.f1.mean()), abs(fall)),)


def _f1_interval(reference: Sample, current: Sample) -> tuple[float, float]:
    assert reference.f1 is not None
    assert current.f1 is not None
    return interval_of_difference(reference.f1, current.f1)


ANSWER_SIGNALS: Final = (
    Signal(
        "predicted_tags",
        "Suggested tags",
        f"{DIVERGENCE}; suggestions now against suggestions on the reference",
        "predictions",
        ("suggested",),
        _predicted_tags,
        _predicted_tags_movers,
        like="tag_distribution",
    ),
    Signal(
        "confidence",
        "Confidence",
        "Kolmogorov-Smirnov distance of each question's best score",
        "predictions",
        ("scores",),
        _confidence,
        _confidence_movers,
    ),
    Signal(
        "calibration",
        "Calibration of scores",
        "mean difference of the hit rate between suggestions of like scores, in fifths",
        "quality",
        ("scores", "found"),
        _calibration,
        _calibration_movers,
    ),
    Signal(
        "f1_fall",
        "F1@5 on true tags",
        "fall of the mean F1@5 over all true tags, with Welch's interval",
        "quality",
        ("f1",),
        _f1_fall,
        _f1_movers,
        _f1_interval,
    ),
)
