"""The closed loop of monitoring and retraining over months, in memory: what bench-drift measures."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, Encoder, vocabulary_of
from include.candidates.catalogue import make_candidate
from include.drift.calibration import ThresholdCalibration, calibrate_thresholds
from include.drift.reference import HISTORY_MONTHS, concat, reference_months
from include.drift.samples import Observations, build_samples
from include.drift.signal_catalogue import MONTHLY_ALERTING_SIGNALS, calculate_signals
from include.drift.signal_types import Signal, SignalValue
from include.drift.variability import PastVocabulary
from include.drift.verdict import drift_verdict
from include.errors import FixInputError
from include.jobs.data.observations import (
    in_months,
    observe,
    observe_suggestions,
    out_of_fold_predictions,
)
from include.months import month_of
from include.questions import Question
from include.text.prepare import prepare
from include.text.prepared import LabelledTexts, PreparedText

Encode = Callable[[Sequence[PreparedText]], NDArray[np.float32]]

os.environ.setdefault("DO_NOT_TRACK", "1")


@dataclass(frozen=True)
class Check:
    """One monthly check: our verdict, and that of Evidently's default preset."""

    month: str
    size: int
    alarmed: bool
    reason: str
    values: tuple[SignalValue, ...]
    thresholds: dict[str, float]
    f1: float
    coverage: float
    evidently_dataset: bool
    evidently_any: bool
    reference_months: tuple[str, ...]


@dataclass(frozen=True)
class ModelInUse:
    """The model in use, its reference and its history."""

    candidate: Candidate
    training_months: tuple[str, ...]
    reference: Observations
    history: Observations
    vocabulary: PastVocabulary


def labelled(questions: Sequence[Question]) -> LabelledTexts:
    """Prepare questions as the platform's job does, without a database."""
    kept = [q for q in questions if q.tags]
    return LabelledTexts(
        tuple(prepare(q.title, q.body_html, (q.site, q.question_id)) for q in kept),
        tuple(q.tags for q in kept),
        tuple(q.asked_at for q in kept),
    )


def no_encoder(name: str) -> Encoder:
    raise FixInputError(f"the benchmark trains no candidate that embeds ({name})")


def train(data: LabelledTexts, training_months: Sequence[str], min_tag_count: int) -> Candidate:
    """Train the linear candidate on the given months."""
    part = data.take(in_months(data, training_months))
    vocabulary = vocabulary_of(part.tags, min_tag_count)
    return make_candidate("tfidf", None, no_encoder).fit(part.texts, part.tags, vocabulary)


def fit_with_reference(
    data: LabelledTexts,
    training_months: tuple[str, ...],
    alarmed: Sequence[str],
    min_tag_count: int,
    seed: int,
    encode: Encode | None = None,
) -> ModelInUse:
    """Train, and build the reference as the platform's job does."""
    window = data.take(in_months(data, training_months))
    months = reference_months(training_months, alarmed)
    selected = in_months(window, months)
    ranked, known = out_of_fold_predictions(
        lambda: make_candidate("tfidf", None, no_encoder), window, selected, min_tag_count, seed
    )
    part = window.take(selected)
    reference = observe(
        part.texts,
        part.asked_at,
        tags=part.tags,
        ranked=ranked,
        vocabulary=known,
        vectors=encode and encode(part.texts),
    )
    latest = window.take(in_months(window, training_months[-HISTORY_MONTHS:]))
    history = observe(
        latest.texts, latest.asked_at, tags=latest.tags, vectors=encode and encode(latest.texts)
    )
    earlier = window.take(in_months(window, training_months[:-HISTORY_MONTHS])).tags
    vocabulary = PastVocabulary(Counter(chain.from_iterable(earlier)), min_tag_count)
    return ModelInUse(
        train(data, training_months, min_tag_count), training_months, reference, history, vocabulary
    )


def run_loop(
    data: LabelledTexts,
    months: Sequence[str],
    first_check: str,
    *,
    min_tag_count: int = 5,
    false_alarms_per_year: float = 0.5,
    retrain: str = "on_drift",
    window: int | None = None,
    evidently: bool = True,
    alerting: Sequence[Signal] | None = None,
    seed: int = 0,
    encode: Encode | None = None,
) -> list[Check]:
    """
    Check each month from ``first_check`` on; retrain on all months so far after an alarm.

    With ``encode`` questions have vectors, as with a model that embeds texts.
    """
    alarmed: list[str] = []
    checks: list[Check] = []
    model: ModelInUse | None = None
    extra: list[Observations] = []
    quiet: list[str] = []
    calibration: ThresholdCalibration | None = None
    for month in months:
        if month < first_check:
            continue
        if model is None or retrain == "monthly" or (checks and checks[-1].alarmed):
            training_months = tuple(m for m in months if m < month)[-(window or 10_000) :]
            model = fit_with_reference(data, training_months, alarmed, min_tag_count, seed, encode)
            extra, quiet, calibration = [], [], None
        questions = data.take(in_months(data, [month]))
        analysis = observe_suggestions(
            model.candidate, questions, encode and encode(questions.texts)
        )
        reference_period = reference_months(model.training_months, alarmed, quiet)
        grown = [e for e in extra if e.months[0] in reference_period]
        reference = concat([model.reference, *grown]) if grown else model.reference
        reference_sample, analysis_sample, history_sample = build_samples(
            reference, analysis, model.history
        )
        if (
            calibration is None
            or not 0.85 * len(analysis_sample) <= calibration.size <= len(analysis_sample)
            or grown
        ):
            calibration = calibrate_thresholds(
                reference_sample,
                len(analysis_sample),
                history=history_sample,
                vocabulary=model.vocabulary,
                signals=MONTHLY_ALERTING_SIGNALS if alerting is None else alerting,
                false_alarms_per_year=false_alarms_per_year,
                seed=seed,
            )
        values = calculate_signals(reference_sample, analysis_sample)
        verdict = drift_verdict(values, calibration)
        dataset, any_column = (
            evidently_default(reference, analysis) if evidently else (False, False)
        )
        checks.append(
            Check(
                month=month,
                size=len(analysis_sample),
                alarmed=verdict.kind == "drift",
                reason=verdict.reason,
                values=values,
                thresholds=calibration.thresholds,
                f1=float(np.mean(analysis.f1 or [np.nan])),
                coverage=sum(analysis.reachable or []) / max(sum(map(len, analysis.tags or [])), 1),
                evidently_dataset=dataset,
                evidently_any=any_column,
                reference_months=reference_period,
            )
        )
        if verdict.kind == "drift":
            alarmed.append(month)
        else:
            quiet.append(month)
            extra.append(analysis)
    return checks


def evidently_default(reference: Observations, analysis: Observations) -> tuple[bool, bool]:
    """Return the verdict of Evidently's default preset on the same questions: (the data set, any column)."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    def table(observations: Observations) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "words": observations.word_counts,
                "code_share": observations.code_shares,
                "score": [row[0][1] if row else 0.0 for row in observations.suggested or []],
                "f1": observations.f1,
                "tag": [tags[0] for tags in observations.tags or []],
                "suggested": [row[0][0] if row else "" for row in observations.suggested or []],
            }
        )

    definition = DataDefinition(
        numerical_columns=["words", "code_share", "score", "f1"],
        categorical_columns=["tag", "suggested"],
    )
    result = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(table(analysis), definition),
        Dataset.from_pandas(table(reference), definition),
    )
    metrics = json.loads(result.json())["metrics"]
    (drifted,) = [m for m in metrics if m["metric_name"].startswith("DriftedColumnsCount")]
    return drifted["value"]["share"] >= 0.5, drifted["value"]["count"] > 0


def f1_by_month(candidate: Candidate, data: LabelledTexts, month: str) -> float:
    """Return the mean F1@5 over all true tags in ``month``."""
    observations = observe_suggestions(candidate, data.take(in_months(data, [month])))
    return float(np.mean(observations.f1 or [np.nan]))


def months_of(data: LabelledTexts) -> tuple[str, ...]:
    """Return the months that have questions, ascending."""
    return tuple(sorted({month_of(moment) for moment in data.asked_at}))


def first_moment(data: LabelledTexts) -> datetime:
    """Return when the first question was asked."""
    return min(data.asked_at)
