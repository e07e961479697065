"""
Check a month, or recent predictions, for drift.

The DAGs ``monitor_drift`` and ``monitor_predictions`` call this module; decisions on its reports
are in `include.jobs.drift.decisions`. A check is a function of stored data, and is stored with its
window and model as key: a repeated check keeps its report's id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

import numpy as np
from sqlalchemy import Engine

from include.candidates.encoders import encoder_factory
from include.drift.estimated_f1 import estimated_f1
from include.drift.samples import Observations, Sample, build_samples
from include.drift.signal_catalogue import calculate_signals
from include.drift.signal_types import SignalValue
from include.drift.verdict import (
    MIN_QUESTIONS,
    DriftVerdict,
    drift_verdict,
    driven_by_one_key,
    insufficient_data,
)
from include.drift.young_labels import YoungLabels, without_explained_fall
from include.jobs.data.datasets import require_complete
from include.jobs.data.features import cached_encoders
from include.jobs.drift.beyond_vocabulary import share_naming_unreachable
from include.jobs.drift.key_influence import driving_key
from include.jobs.drift.models import MonitoredModel, MonitoredModels
from include.jobs.drift.recent_predictions import (
    TARGET_PREDICTIONS,
    RecentPredictions,
    observe_predictions,
    recent_predictions,
)
from include.jobs.drift.reference_data import Reference, References
from include.jobs.drift.thresholds import Thresholds
from include.memory_budget import MemoryBudget
from include.months import add_months, check_month, month_of, month_range
from include.registry import Registry
from include.settings import Settings
from include.store.drift import (
    REFERENCE_WINDOW_QUESTIONS,
    WINDOW_QUESTIONS,
    CheckKind,
    DriftReport,
    StoredDriftReport,
    read_report,
    save_report,
)
from include.store.drift_references import AnsweredQuestion
from include.store.engine import process_engine
from include.store.label_readings import (
    FIRST_READ_DAYS,
    LabelAge,
    mean_agreement,
    read_label_age,
    read_label_agreements,
)

log = logging.getLogger(__name__)

NO_MODEL: Final = "none"


@dataclass(frozen=True)
class CheckData:
    """
    What a check compares: the monitored model, its reference and the analysis period.

    ``question_count`` is that of the analysis period, of which ``analysis`` may be a sample.
    """

    model: MonitoredModel
    reference: Reference
    analysis: Observations
    question_count: int


@dataclass(frozen=True)
class CheckResult:
    """The result of a check before it is stored; without thresholds if data is insufficient."""

    kind: CheckKind
    data: CheckData
    verdict: DriftVerdict
    summary: Mapping[str, Any] = field(default_factory=dict)
    calibration_id: int | None = None
    values: tuple[SignalValue, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)


class Monitoring:
    """
    The drift checks of one site.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    settings : Settings
        ``site``, ``false_alarms_per_year``, ``bert_model`` and ``random_seed`` are read.
    """

    def __init__(self, engine: Engine, registry: Registry, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._site = settings.site
        encoders = cached_encoders(engine, encoder_factory(settings.bert_model))
        memory = MemoryBudget.from_settings(settings)
        self._models = MonitoredModels(
            engine,
            registry,
            encoders,
            site=settings.site,
            downloads=settings.local_dir / "drift" / "models",
            memory=memory,
        )
        self._references = References(
            engine,
            encoders,
            site=settings.site,
            seed=settings.random_seed,
            memory=memory,
        )
        self._thresholds = Thresholds(
            engine,
            self._references,
            false_alarms_per_year=settings.false_alarms_per_year,
            seed=settings.random_seed,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Connect as the settings say; FixSettingsError names missing settings."""
        registry = Registry(settings.require_mlflow_uri())
        return cls(process_engine(settings.require_database_url()), registry, settings)

    def check_month(self, month: str) -> int:
        """
        Check a stored month with its true tags; return the report's id.

        Raises
        ------
        MissingDataError
            If the month is not stored completely, or one of the training window is not stored.
        ModelUnusableError
            If the champion does not load.
        RetryLaterError
            If MLflow is unavailable.
        """
        start, end = month_range(check_month(month))
        with self._engine.connect() as connection:
            require_complete(connection, self._site, month)
        with self._models.for_month(month) as model:
            if model is None:
                return self._store_without_model("month", start, end)
            data = self._month_data(model, month)
            age, young = self._label_ages(month, data.reference)
            result = self._result("month", data, young)
            labels = {
                "label_age_days": None if age is None else age.median_days,
                "young_label_share": None if age is None else age.young_share,
                "label_agreement": young.agreement,
            }
            result = replace(result, summary={**result.summary, **labels})
            return self._save(result, start, end, month)

    def check_predictions(self, start: datetime, end: datetime) -> int:
        """
        Check the champion's recent predictions; return the report's id.

        With fewer than ``TARGET_PREDICTIONS`` distinct questions, the window extends back up to a
        day; with fewer than ``MIN_QUESTIONS`` even then, the verdict is ``too_few``. An alarm that
        would not be raised without the questions of one API key, which is not a trusted one, is
        none.

        Parameters
        ----------
        start, end : datetime
            Half-open, aware; usually one hour.

        Raises
        ------
        ModelUnusableError, RetryLaterError, MissingDataError
            As `check_month`.
        """
        with self._models.for_month(None) as model:
            if model is None:
                return self._store_without_model("predictions", start, end)
            recent = self._recent_predictions(model, start, end)
            answered = recent.compared
            if len(answered) < MIN_QUESTIONS:
                return self._store_too_few(model, start, end, len(answered))
            month = month_of(end)
            reference = self._references.of(model, month)

            def data_of(rows: Sequence[AnsweredQuestion]) -> CheckData:
                observed = observe_predictions(rows, self._references, model)
                return CheckData(model, reference, observed, recent.question_count)

            def is_drift(rows: Sequence[AnsweredQuestion]) -> bool:
                return self._result("predictions", data_of(rows)).verdict.kind == "drift"

            result = self._result("predictions", data_of(answered))
            if result.verdict.kind == "drift":
                trusted = self._settings.trusted_key_names
                key = driving_key(answered, trusted, is_drift)
                if key is not None:
                    result = replace(result, verdict=driven_by_one_key(result.verdict, key))
            with self._engine.connect() as connection:
                share = share_naming_unreachable(
                    connection, self._site, model.candidate.vocabulary, end
                )
            result = replace(result, summary={**result.summary, "naming_unreachable": share})
            return self._save(result, start, end, month)

    def prepare_checks(self) -> tuple[int, ...]:
        """
        Predict the champion's reference and calibrate thresholds before the first check.

        For a month as large as the last training month, and for an hour of
        ``TARGET_PREDICTIONS`` questions. For other sizes the check itself calibrates thresholds,
        in seconds, on the same stored reference. Safe to repeat: stored thresholds are reused.

        Returns
        -------
        tuple of int
            Ids of the thresholds; empty without a champion or with too few questions.

        Raises
        ------
        ModelUnusableError, RetryLaterError, MissingDataError
            As `check_month`.
        """
        with self._models.for_month(None) as model:
            if model is None:
                return ()
            reference = self._references.of(model, add_months(model.training_months[-1], 1))
            last = sum(
                month == model.training_months[-1] for month in reference.observations.months
            )
            if insufficient_data(len(reference.observations), max(last, MIN_QUESTIONS)):
                return ()
            sizes: tuple[tuple[CheckKind, int], ...] = (
                ("month", last),
                ("predictions", TARGET_PREDICTIONS),
            )
            return tuple(
                self._thresholds.of(kind, model, reference, size)[0]
                for kind, size in sizes
                if size >= MIN_QUESTIONS
            )

    def check_data(self, report_id: int) -> CheckData | None:
        """Return what a stored report compared, None if it had no comparison."""
        report = self.report(report_id).report
        if report.verdict in {"no_reference", "too_few"}:
            return None
        monthly = report.kind == "month"
        month = month_of(report.window_start if monthly else report.window_end)
        with self._models.for_month(month if monthly else None) as model:
            if model is None or model.label != report.model_version:
                return None
            if monthly:
                return self._month_data(model, month)
            recent = self._recent_predictions(model, report.window_start, report.window_end)
            reference = self._references.of(model, month)
            observed = observe_predictions(recent.compared, self._references, model)
            return CheckData(model, reference, observed, recent.question_count)

    def report(self, report_id: int) -> StoredDriftReport:
        """Return a stored report; FixInputError if there is none."""
        with self._engine.connect() as connection:
            return read_report(connection, report_id)

    def _month_data(self, model: MonitoredModel, month: str) -> CheckData:
        observed = self._references.observed(model, month)
        reference = self._references.of(model, month)
        return CheckData(model, reference, observed.observations, observed.question_count)

    def _recent_predictions(
        self, model: MonitoredModel, start: datetime, end: datetime
    ) -> RecentPredictions:
        return recent_predictions(
            self._engine,
            self._site,
            model.version,
            start,
            end,
            trusted=self._settings.trusted_key_names,
        )

    def _label_ages(self, month: str, reference: Reference) -> tuple[LabelAge | None, YoungLabels]:
        """Return how old a checked month's tags are, and what that says of its fall of F1."""
        compared_from, _ = month_range(reference.key.first_month)
        _, compared_until = month_range(reference.key.last_month)
        with self._engine.connect() as connection:
            age = read_label_age(connection, self._site, *month_range(month))
            compared = read_label_age(connection, self._site, compared_from, compared_until)
            agreements = read_label_agreements(connection, self._site)
        share = (age.young_share if age else 0.0) - (compared.young_share if compared else 0.0)
        agreement, months = mean_agreement(agreements, before=month)
        return age, YoungLabels(max(share, 0.0), FIRST_READ_DAYS, agreement, months)

    def _result(
        self, kind: CheckKind, data: CheckData, young: YoungLabels | None = None
    ) -> CheckResult:
        """
        Calculate the signals and compare them with their thresholds; store neither.

        Of F1's fall, what young tags explain is not counted.
        """
        reference = data.reference.observations
        if insufficient := insufficient_data(len(reference), len(data.analysis)):
            return CheckResult(kind, data, insufficient)
        reference_sample, analysis_sample = build_samples(reference, data.analysis)
        calibration_id, calibration = self._thresholds.of(
            kind, data.model, data.reference, len(analysis_sample)
        )
        values = calculate_signals(reference_sample, analysis_sample)
        summary: dict[str, Any] = {
            "reference_questions": len(reference_sample),
            "candidate": data.model.candidate.name,
        }
        if reference_sample.f1 is not None and analysis_sample.f1 is not None:
            summary |= {
                "f1_reference": float(reference_sample.f1.mean()),
                "f1": float(analysis_sample.f1.mean()),
            }
        summary |= _estimate(reference_sample, analysis_sample)
        sentence = ""
        if young is not None and (f1_reference := summary.get("f1_reference")) is not None:
            explained = young.explained_fall(f1_reference)
            values = without_explained_fall(values, explained)
            summary["f1_fall_not_counted"] = explained
            sentence = young.sentence(f1_reference)
        verdict = drift_verdict(values, calibration)
        if sentence and verdict.kind in {"quiet", "drift"}:
            verdict = replace(verdict, reason=f"{verdict.reason} {sentence}")
        return CheckResult(
            kind,
            data,
            verdict,
            summary,
            calibration_id,
            tuple(values),
            calibration.thresholds,
        )

    def _save(self, result: CheckResult, start: datetime, end: datetime, month: str) -> int:
        """Store a result and return its report's id."""
        data, verdict = result.data, result.verdict
        report = DriftReport(
            kind=result.kind,
            site=self._site,
            window_start=start,
            window_end=end,
            model_version=data.model.label,
            question_count=len(data.analysis),
            verdict=verdict.kind,
            summary={
                "as_of": data.model.as_of,
                "reason": verdict.reason,
                WINDOW_QUESTIONS: data.question_count,
                REFERENCE_WINDOW_QUESTIONS: data.reference.question_count,
                **result.summary,
            },
            reference_first=data.reference.key.first_month,
            reference_last=data.reference.key.last_month,
            calibration_id=result.calibration_id,
        )
        log.info("%s %s: %s. %s", result.kind, month, verdict.kind, verdict.reason)
        log.info(
            "compared %d of %d questions with %d of %d of the reference",
            *(len(data.analysis), data.question_count),
            *(len(data.reference.observations), data.reference.question_count),
        )
        with self._engine.begin() as connection:
            return save_report(connection, report, result.values, result.thresholds)

    def _store_without_model(self, kind: CheckKind, start: datetime, end: datetime) -> int:
        verdict = insufficient_data(None, 0)
        assert verdict is not None
        return self._store(
            DriftReport(
                kind=kind,
                site=self._site,
                window_start=start,
                window_end=end,
                model_version=NO_MODEL,
                question_count=0,
                verdict=verdict.kind,
                summary={"reason": verdict.reason},
            )
        )

    def _store_too_few(
        self, model: MonitoredModel, start: datetime, end: datetime, count: int
    ) -> int:
        return self._store(
            DriftReport(
                kind="predictions",
                site=self._site,
                window_start=start,
                window_end=end,
                model_version=model.label,
                question_count=count,
                verdict="too_few",
                summary={
                    "reason": f"{count} distinct questions within a day; a comparison "
                    f"needs {MIN_QUESTIONS}."
                },
            )
        )

    def _store(self, report: DriftReport) -> int:
        with self._engine.begin() as connection:
            return save_report(connection, report)


def _estimate(reference: Sample, analysis: Sample) -> dict[str, float]:
    """Return what F1@5 the scores let expect, with its interval; nothing without scores."""
    if analysis.scores is None or reference.tags is None or not len(analysis):
        return {}
    found = estimated_f1(analysis.scores, np.asarray(reference.tags.matrix.sum(axis=1)).ravel())
    return {
        "f1_estimated": found.mean,
        "f1_estimated_low": found.low,
        "f1_estimated_high": found.high,
    }
