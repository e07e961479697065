"""Train a candidate and log it in MLflow, once per data, parameters and code."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine

from include import names
from include.candidates.base import Candidate, EncoderFactory
from include.candidates.catalogue import save_candidate
from include.jobs.data.datasets import TimeSplit, TrainingData
from include.jobs.data.fitting import FitCost, fit_within_budget
from include.jobs.training.code_version import code_version
from include.jobs.training.encoder_time import EncoderTime, reason
from include.jobs.training.fit_and_score import Measurement, figures_to_store, measure
from include.jobs.training.learned_from import LearnedFrom, check_memory
from include.jobs.training.plan import CandidateSpec, TrainedCandidate, TrainingPlan
from include.jobs.training.plots import draw_evaluation
from include.jobs.training.question_results import FOLDER
from include.jobs.training.run_records import (
    EVALUATION,
    REFIT,
    all_metrics,
    evaluation_tables,
    fit_metrics,
    identifying_tags,
    logged_params,
    model_metadata,
    reported,
    tested_metadata,
    trained_candidate,
)
from include.memory_budget import MemoryBudget
from include.months import period_end_label, period_label
from include.registry import descriptions
from include.registry.requirements import model_requirements
from include.registry.runs import Run, Runs
from include.store.models import (
    EvaluationKey,
    StoredDataset,
    StoredFit,
    record_dataset,
    record_evaluations,
    record_fit,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
CandidateMaker = Callable[[str, Mapping[str, Any] | None, EncoderFactory], Candidate]


@dataclass(frozen=True)
class CandidateRuns:
    """
    The candidates' MLflow runs of one training run.

    Parameters
    ----------
    engine : Engine
    runs : Runs
    make : callable
        Makes an unfitted candidate: `include.candidates.catalogue.make_candidate` or a test's own.
    encoders : EncoderFactory
        Cached; see `include.jobs.data.features.cached_encoders`.
    bert_model : str or None
        As in the settings; a model depends on it.
    experiment : str
    measure : callable
        Evaluates a fitted candidate on the test month.
    memory : MemoryBudget or None
        That the machine's fits may take together; None for no limit.
    encoder_time : EncoderTime or None
        Decides how many questions are embedded; None for no limit.
    """

    engine: Engine
    runs: Runs
    make: CandidateMaker
    encoders: EncoderFactory
    bert_model: str | None = None
    experiment: str = names.EXPERIMENT_TRAINING
    measure: Callable[[Candidate, TimeSplit], Measurement] = measure
    memory: MemoryBudget | None = None
    encoder_time: EncoderTime | None = None

    def train(
        self, parent_id: str, split: TimeSplit, spec: CandidateSpec, *, name: str | None = None
    ) -> TrainedCandidate:
        """
        Fit a candidate on the training months, evaluate it on the test month, log and store both.

        A finished run with the same data, parameters and code is reused. Any exception marks the
        run as failed and is raised again.

        Parameters
        ----------
        parent_id : str
            Parent of a new run.
        split : TimeSplit
        spec : CandidateSpec
        name : str or None
            Name of a new run; built from the candidate and the test month, if None.
        """
        candidate = self.unfitted(spec, split.train)
        key = self._key(candidate, split.train.dataset_id, split.test_id)
        if known := self.finished(key):
            log.info("%s: run %s is reused", spec.label, known.run_id)
            return trained_candidate(spec, known, reused=True)
        tags = identifying_tags(spec, split.train, key, kind=EVALUATION) | {
            "test_month": split.months.label,
            "test_id": split.test_id,
        }
        name = name or f"{spec.label} on {split.months.label}"
        note = descriptions.evaluated(
            spec.label,
            period_label(split.train.first_month, split.train.until),
            split.train.site,
            split.months.label,
        )
        return self._in_run(
            parent_id, name, tags, note, lambda run_id: self._train(run_id, candidate, split, spec)
        )

    def refit(self, plan: TrainingPlan, data: TrainingData, best: TrainedCandidate) -> Run:
        """Refit the selected candidate on ``data``, which includes the test month; log it."""
        spec = best.spec
        candidate = self.unfitted(spec, data)
        key = self._key(candidate, data.dataset_id, "")
        if known := self.finished(key):
            return known
        tags = identifying_tags(spec, data, key, kind=REFIT) | {"evaluation_run_id": best.run_id}
        name = f"{spec.label} refitted to {period_end_label(data.until)}"

        def work(run_id: str) -> Run:
            learned_from, cost = self._fit(candidate, data)
            self.runs.log(
                run_id,
                params=logged_params(candidate, data, learned_from),
                metrics=fit_metrics(learned_from, cost),
            )
            figures = reported(best.figures)
            metadata = model_metadata(data, learned_from, figures, best.run_id, self.bert_model)
            metadata |= tested_metadata(plan.months, plan.test_sample, refit=True)
            self._log_training_data(run_id, candidate, data, learned_from, cost)
            return self._log_model(run_id, candidate, metadata)

        note = descriptions.refitted(
            spec.label, period_label(data.first_month, data.until), data.site, plan.months.label
        )
        return self._in_run(plan.run_id, name, tags, note, work)

    def unfitted(self, spec: CandidateSpec, data: TrainingData) -> Candidate:
        """
        Return the candidate that is fitted on ``data``.

        Where its encoders would take too long, its ``max_questions`` is smaller than requested.
        """
        candidate = self.make(spec.name, spec.parameters, self.encoders)
        if self.encoder_time is None or not candidate.encoder_names:
            return candidate
        limit = candidate.question_limit
        sample = self.encoder_time.to_learn(candidate.encoder_names, data, limit)
        if sample is None or sample.sample_count == sample.question_count:
            return candidate
        parameters = {**spec.parameters, "max_questions": sample.sample_count}
        return self.make(spec.name, parameters, self.encoders)

    def finished(self, key: str) -> Run | None:
        """Return the newest finished run with this key that has a model."""
        found = self.runs.find(self.experiment, {"training_key": key})
        return next((run for run in found if run.model_id), None)

    def _train(
        self, run_id: str, candidate: Candidate, split: TimeSplit, spec: CandidateSpec
    ) -> TrainedCandidate:
        """Fit, evaluate, log and store inside a run; see ``train``."""
        learned_from, cost = self._fit(candidate, split.train)
        measurement = self.measure(candidate, split)
        evaluation = measurement.evaluation
        sample = split.sample.decision if split.sample else None
        self.runs.log(
            run_id,
            params=logged_params(candidate, split.train, learned_from)
            | ({"test_sample": reason(sample)} if sample else {}),
            metrics=all_metrics(evaluation)
            | fit_metrics(learned_from, cost)
            | {"rank_ms": measurement.rank_ms},
        )
        self._log_training_data(run_id, candidate, split.train, learned_from, cost)
        self._log_evaluation(run_id, measurement, split, spec)
        figures = reported(evaluation.figures)
        metadata = model_metadata(split.train, learned_from, figures, run_id, self.bert_model)
        metadata |= tested_metadata(split.months, sample, refit=False)
        run = self._log_model(run_id, candidate, metadata)
        model = EvaluationKey(
            site=split.train.site,
            candidate=spec.name,
            model_version=run_id,
            run_id=run_id,
            train_first=split.months.train_first,
            train_last=split.months.train_last,
            test_month=split.months.test_month,
            test_from=split.months.test_from,
            test_until=split.months.test_until,
        )
        with self.engine.begin() as connection:
            record_evaluations(connection, model, figures_to_store(evaluation))
        return trained_candidate(spec, run, reused=False)

    def _fit(self, candidate: Candidate, data: TrainingData) -> tuple[LearnedFrom, FitCost]:
        """Fit within the memory budget; return what it learned from, and what that took."""
        learned_from = LearnedFrom.of(candidate, data)
        if self.memory is not None:
            check_memory(candidate, data, self.memory.budget_mb)
        log.info("%s learns from %s", candidate.name, learned_from)
        cost = fit_within_budget(
            candidate, data.questions, data.vocabulary, self.memory, candidate.name
        )
        return learned_from, cost

    def _in_run(
        self,
        parent_id: str,
        name: str,
        tags: dict[str, str],
        note: str,
        work: Callable[[str], T],
    ) -> T:
        """Call ``work`` inside a new child run; runs that a killed task left open end as failed."""
        for orphan in self.runs.find(
            self.experiment, {"training_key": tags["training_key"]}, status="RUNNING"
        ):
            self.runs.finish(orphan.run_id, failed=True)
        run_id = self.runs.start(self.experiment, name, tags=tags, note=note, parent_id=parent_id)
        try:
            result = work(run_id)
        except BaseException:
            self.runs.finish(run_id, failed=True)
            raise
        self.runs.finish(run_id)
        return result

    def _log_evaluation(
        self, run_id: str, measurement: Measurement, split: TimeSplit, spec: CandidateSpec
    ) -> None:
        """Log tables, plots and the suggestions for each question."""
        evaluation, months = measurement.evaluation, split.months
        title = (
            f"{spec.label} on {months.label} of {split.train.site}, "
            f"trained {period_label(split.train.first_month, split.train.until)}"
        )
        self.runs.log_tables(run_id, evaluation_tables(evaluation))
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            draw_evaluation(evaluation, title, folder / "pictures")
            measurement.results.save(folder / FOLDER)
            self.runs.log_folder(run_id, folder)

    def _log_model(self, run_id: str, candidate: Candidate, metadata: Mapping[str, Any]) -> Run:
        """Save the candidate and log it as a model; return the run with the model's location."""
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work) / "candidate"
            save_candidate(candidate, folder, metadata)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            self.runs.log(run_id, metrics={"size_mb": size / 1e6})
            return self.runs.log_model(
                run_id,
                folder,
                params=candidate.get_params(),
                requirements=model_requirements(candidate.name),
                bert_model=self.bert_model,
            )

    def _log_training_data(
        self,
        run_id: str,
        candidate: Candidate,
        data: TrainingData,
        learned_from: LearnedFrom,
        cost: FitCost,
    ) -> None:
        """Log the training data, and the part learned from, in MLflow and in PostgreSQL."""
        log_dataset(self.runs, run_id, data, learned_from)
        fitted = StoredFit(
            run_id=run_id,
            dataset_id=data.dataset_id,
            candidate=candidate.name,
            question_count=learned_from.question_count,
            window_count=learned_from.window_count,
            first_asked_at=learned_from.first_asked_at,
            last_asked_at=learned_from.last_asked_at,
            tag_count=learned_from.tag_count,
            seconds=cost.seconds,
        )
        with self.engine.begin() as connection:
            record_dataset(connection, dataset_row(data))
            record_fit(connection, fitted)

    def _key(self, candidate: Candidate, dataset_id: str, test_id: str) -> str:
        """Return the hash of everything that a run's result depends on."""
        parts = [
            *(dataset_id, test_id, code_version(), candidate.name, self.bert_model or ""),
            json.dumps(candidate.get_params(), sort_keys=True, default=str),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def log_dataset(
    runs: Runs, run_id: str, data: TrainingData, learned_from: LearnedFrom | None = None
) -> None:
    """Log a run's training data in MLflow, and what a fit learned from, if it is one's run."""
    profile: dict[str, Any] = {
        "first_month": data.first_month,
        "last_month": data.last_month,
        "until": data.until.isoformat(),
        "questions": len(data.questions),
        "tags": len(data.vocabulary),
        "least_uses": data.least_uses,
    }
    if learned_from is not None:
        profile["learned_from"] = learned_from.to_dict()
    runs.log_dataset(
        run_id,
        name=f"{data.site} {data.first_month} to {period_end_label(data.until)}",
        digest=data.dataset_id,
        role="training",
        profile=json.dumps(profile),
    )


def dataset_row(data: TrainingData) -> StoredDataset:
    """Return the row of ``datasets`` that describes ``data``."""
    return StoredDataset(
        dataset_id=data.dataset_id,
        site=data.site,
        first_month=data.first_month,
        last_month=data.last_month,
        question_count=len(data.questions),
        min_tag_count=data.min_tag_count,
        least_uses=data.least_uses,
        vocabulary=data.vocabulary,
        learned_until=data.until,
    )
