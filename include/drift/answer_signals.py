"""Signals on the model's predictions: suggested tags, their scores, and their quality."""

from __future__ import annotations

from typing import Final

import numpy as np

from include.drift.contributors import (
    divergence_contributors,
    jensen_shannon_divergence,
    quartile_contributors,
)
from include.drift.samples import FloatArray, Sample
from include.drift.signal_types import Contributor, Signal
from include.drift.statistics import (
    kolmogorov_smirnov,
    reliability_shift,
    welch_interval,
)
from include.drift.tag_signals import DIVERGENCE


def _predicted_tags(reference: Sample, analysis: Sample) -> float:
    return jensen_shannon_divergence(reference.suggested_use, analysis.suggested_use)


def _predicted_tags_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    return divergence_contributors(
        reference.suggested_use, analysis.suggested_use, reference, analysis
    )


def _confidence(reference: Sample, analysis: Sample) -> float:
    assert reference.scores is not None
    assert analysis.scores is not None
    return kolmogorov_smirnov(reference.scores[:, 0], analysis.scores[:, 0])


def _confidence_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    assert reference.scores is not None
    assert analysis.scores is not None
    return quartile_contributors("best score", reference.scores[:, 0], analysis.scores[:, 0])


def _calibration(reference: Sample, analysis: Sample) -> float:
    weight, before, after = _reliability(reference, analysis)
    return float((weight * np.abs(after - before)).sum())


def _calibration_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    weight, before, after = _reliability(reference, analysis)
    contribution = weight * np.abs(after - before)
    return tuple(
        Contributor(
            f"hit rate, score quintile {i + 1}",
            float(before[i]),
            float(after[i]),
            float(contribution[i]),
        )
        for i in np.argsort(-contribution, kind="stable")
    )


def _reliability(reference: Sample, analysis: Sample) -> tuple[FloatArray, FloatArray, FloatArray]:
    assert reference.scores is not None
    assert analysis.scores is not None
    assert reference.found is not None
    assert analysis.found is not None
    return reliability_shift(
        reference.scores.ravel(),
        reference.found.ravel(),
        analysis.scores.ravel(),
        analysis.found.ravel(),
    )


def _f1_fall(reference: Sample, analysis: Sample) -> float:
    assert reference.f1 is not None
    assert analysis.f1 is not None
    return float(reference.f1.mean() - analysis.f1.mean())


def _f1_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    assert reference.f1 is not None
    assert analysis.f1 is not None
    fall = _f1_fall(reference, analysis)
    return (Contributor("F1@5", float(reference.f1.mean()), float(analysis.f1.mean()), abs(fall)),)


def _f1_interval(reference: Sample, analysis: Sample) -> tuple[float, float]:
    assert reference.f1 is not None
    assert analysis.f1 is not None
    return welch_interval(reference.f1, analysis.f1)


ANSWER_SIGNALS: Final = (
    Signal(
        "predicted_tags",
        "Suggested tags",
        f"{DIVERGENCE}; suggestions of the analysis period against the reference",
        "predictions",
        ("suggested",),
        _predicted_tags,
        _predicted_tags_contributors,
        proxy="tag_distribution",
    ),
    Signal(
        "confidence",
        "Confidence",
        "Kolmogorov-Smirnov distance of each question's best score",
        "predictions",
        ("scores",),
        _confidence,
        _confidence_contributors,
    ),
    Signal(
        "calibration",
        "Calibration of scores",
        "mean absolute difference of the hit rate within quintiles of the score",
        "quality",
        ("scores", "found"),
        _calibration,
        _calibration_contributors,
    ),
    Signal(
        "f1_fall",
        "F1@5 on true tags",
        "fall of the mean F1@5 over all true tags, with Welch's interval",
        "quality",
        ("f1",),
        _f1_fall,
        _f1_contributors,
        _f1_interval,
    ),
)
