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
from include.drift.signal import Signal, SignalValue
from include.drift.signals import MONTHLY_ALERTING_SIGNALS, calculate_signals
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
    """One monthly check: what we said, what Evidently's default preset said."""

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
class Live:
    """The model in use and what later months are compared with."""

    candidate: Candidate
    learned: tuple[str, ...]
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


def train(data: LabelledTexts, learned: Sequence[str], min_tag_count: int) -> Candidate:
    """Train the linear candidate on the months given."""
    part = data.take(in_months(data, learned))
    vocabulary = vocabulary_of(part.tags, min_tag_count)
    return make_candidate("tfidf", None, no_encoder).fit(part.texts, part.tags, vocabulary)


def go_live(
    data: LabelledTexts,
    learned: tuple[str, ...],
    alarmed: Sequence[str],
    min_tag_count: int,
    seed: int,
    encode: Encode | None = None,
) -> Live:
    """Train, and put together the reference as the platform's job does."""
    window = data.take(in_months(data, learned))
    months = reference_months(learned, alarmed)
    asked = in_months(window, months)
    ranked, known = out_of_fold_predictions(
        lambda: make_candidate("tfidf", None, no_encoder), window, asked, min_tag_count, seed
    )
    part = window.take(asked)
    reference = observe(
        part.texts,
        part.asked_at,
        tags=part.tags,
        ranked=ranked,
        vocabulary=known,
        vectors=encode and encode(part.texts),
    )
    latest = window.take(in_months(window, learned[-HISTORY_MONTHS:]))
    history = observe(
        latest.texts, latest.asked_at, tags=latest.tags, vectors=encode and encode(latest.texts)
    )
    earlier = window.take(in_months(window, learned[:-HISTORY_MONTHS])).tags
    vocabulary = PastVocabulary(Counter(chain.from_iterable(earlier)), min_tag_count)
    return Live(train(data, learned, min_tag_count), learned, reference, history, vocabulary)


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
    voting: Sequence[Signal] | None = None,
    seed: int = 0,
    encode: Encode | None = None,
) -> list[Check]:
    """
    Check each month from ``first_check`` on; retrain on what has been seen after an alarm.

    With ``encode`` questions have vectors, as they have where the model in use embeds.
    """
    alarmed: list[str] = []
    checks: list[Check] = []
    live: Live | None = None
    extra: list[Observations] = []
    quiet: list[str] = []
    calibration: ThresholdCalibration | None = None
    for month in months:
        if month < first_check:
            continue
        if live is None or retrain == "monthly" or (checks and checks[-1].alarmed):
            learned = tuple(m for m in months if m < month)[-(window or 10_000) :]
            live = go_live(data, learned, alarmed, min_tag_count, seed, encode)
            extra, quiet, calibration = [], [], None
        asked = data.take(in_months(data, [month]))
        current = observe_suggestions(live.candidate, asked, encode and encode(asked.texts))
        wanted = reference_months(live.learned, alarmed, quiet)
        grown = [e for e in extra if e.months[0] in wanted]
        reference = concat([live.reference, *grown]) if grown else live.reference
        was, now, past = build_samples(reference, current, live.history)
        if calibration is None or not 0.85 * len(now) <= calibration.size <= len(now) or grown:
            calibration = calibrate_thresholds(
                was,
                len(now),
                history=past,
                vocabulary=live.vocabulary,
                signals=MONTHLY_ALERTING_SIGNALS if voting is None else voting,
                false_alarms_per_year=false_alarms_per_year,
                seed=seed,
            )
        values = calculate_signals(was, now)
        verdict = drift_verdict(values, calibration)
        dataset, any_column = evidently_default(reference, current) if evidently else (False, False)
        checks.append(
            Check(
                month=month,
                size=len(now),
                alarmed=verdict.kind == "drift",
                reason=verdict.reason,
                values=values,
                thresholds=calibration.thresholds,
                f1=float(np.mean(current.f1 or [np.nan])),
                coverage=sum(current.reachable or []) / max(sum(map(len, current.tags or [])), 1),
                evidently_dataset=dataset,
                evidently_any=any_column,
                reference_months=wanted,
            )
        )
        if verdict.kind == "drift":
            alarmed.append(month)
        else:
            quiet.append(month)
            extra.append(current)
    return checks


def evidently_default(reference: Observations, current: Observations) -> tuple[bool, bool]:
    """Ask Evidently's default preset about the same questions: (the data set, any column)."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    def table(observed: Observations) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "words": observed.word_counts,
                "code_share": observed.code_shares,
                "score": [row[0][1] if row else 0.0 for row in observed.suggested or []],
                "f1": observed.f1,
                "tag": [tags[0] for tags in observed.tags or []],
                "suggested": [row[0][0] if row else "" for row in observed.suggested or []],
            }
        )

    definition = DataDefinition(
        numerical_columns=["words", "code_share", "score", "f1"],
        categorical_columns=["tag", "suggested"],
    )
    result = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(table(current), definition),
        Dataset.from_pandas(table(reference), definition),
    )
    metrics = json.loads(result.json())["metrics"]
    (drifted,) = [m for m in metrics if m["metric_name"].startswith("DriftedColumnsCount")]
    return drifted["value"]["share"] >= 0.5, drifted["value"]["count"] > 0


def f1_by_month(candidate: Candidate, data: LabelledTexts, month: str) -> float:
    """Return the mean F1@5 over all true tags in ``month``."""
    observed = observe_suggestions(candidate, data.take(in_months(data, [month])))
    return float(np.mean(observed.f1 or [np.nan]))


def months_of(data: LabelledTexts) -> tuple[str, ...]:
    """Return the months that have questions, ascending."""
    return tuple(sorted({month_of(moment) for moment in data.asked_at}))


def first_moment(data: LabelledTexts) -> datetime:
    """Return when the first question was asked."""
    return min(data.asked_at)
