"""Train one candidate and keep all about it in MLflow, once per data, parameters and code."""

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
from include.jobs.data.datasets import Split, TrainingData
from include.jobs.training.code_version import code_version
from include.jobs.training.fit_and_score import Measured, figures_to_store, fit, measure
from include.jobs.training.plan import CandidateSpec, Outcome, Plan
from include.jobs.training.plots import draw_evaluation
from include.jobs.training.question_results import FOLDER
from include.jobs.training.run_records import (
    EVALUATION,
    REFIT,
    SHOWN,
    all_metrics,
    description,
    found_by,
    outcome,
    shown_params,
)
from include.registry.requirements import model_requirements
from include.registry.runs import Run, Runs
from include.store.models import (
    EvaluatedModel,
    StoredDataset,
    record_dataset,
    record_evaluations,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
CandidateMaker = Callable[[str, Mapping[str, Any] | None, EncoderFactory], Candidate]


@dataclass(frozen=True)
class CandidateRuns:
    """
    Candidates' runs of one training run.

    Parameters
    ----------
    engine : Engine
    runs : Runs
    make : callable
        `include.candidates.catalogue.make_candidate`, or a test's own.
    encoders : EncoderFactory
        With the cache in front.
    bert_model : str or None
        As in the settings; part of what a model depends on.
    experiment : str
    measure : callable
        What is measured of a trained candidate on the test month.
    """

    engine: Engine
    runs: Runs
    make: CandidateMaker
    encoders: EncoderFactory
    bert_model: str | None = None
    experiment: str = names.EXPERIMENT_TRAINING
    measure: Callable[[Candidate, Split], Measured] = measure

    def train(
        self, parent_id: str, split: Split, spec: CandidateSpec, *, name: str | None = None
    ) -> Outcome:
        """
        Fit a candidate on the training months, measure it on the test month, log and store all.

        A finished run with the same data, parameters and code is used again. Whatever fails marks
        the run as failed and is raised.

        Parameters
        ----------
        parent_id : str
            The run that a new one belongs to.
        split : Split
        spec : CandidateSpec
        name : str or None
            Of a new run; made of the candidate and the test month, if None.
        """
        candidate = self.make(spec.name, spec.parameters, self.encoders)
        key = self._key(candidate, split.train.dataset_id, split.test_id)
        if known := self.finished(key):
            log.info("%s: run %s is used again", spec.label, known.run_id)
            return outcome(spec, known, reused=True)
        tags = found_by(spec, split.train, key, kind=EVALUATION) | {
            "test_month": split.months.test_month,
            "test_id": split.test_id,
        }
        name = name or f"{spec.label} on {split.months.test_month}"
        return self._in_run(
            parent_id, name, tags, lambda run_id: self._train(run_id, candidate, split, spec)
        )

    def refit(self, plan: Plan, data: TrainingData, best: Outcome) -> Run:
        """Fit the chosen candidate once more on ``data``, which holds the test month; log it."""
        spec = best.spec
        candidate = self.make(spec.name, spec.parameters, self.encoders)
        key = self._key(candidate, data.dataset_id, "")
        if known := self.finished(key):
            return known
        tags = found_by(spec, data, key, kind=REFIT) | {"evaluation_run_id": best.run_id}
        name = f"{spec.label} refitted to {data.last_month}"

        def work(run_id: str) -> Run:
            train_s = fit(candidate, data)
            self.runs.log(
                run_id, params=shown_params(candidate, data), metrics={"train_s": train_s}
            )
            figures = {name: value for name, value in best.figures.items() if name in SHOWN}
            described = description(data, figures, best.run_id, self.bert_model) | {
                "tested_on": plan.months.test_month,
                "refit": True,
            }
            self._log_dataset(run_id, data)
            return self._log_model(run_id, candidate, described)

        return self._in_run(plan.run_id, name, tags, work)

    def finished(self, key: str) -> Run | None:
        """Return the finished run with this key that has a model, newest first."""
        found = self.runs.find(self.experiment, {"training_key": key})
        return next((run for run in found if run.model_id), None)

    def _train(
        self, run_id: str, candidate: Candidate, split: Split, spec: CandidateSpec
    ) -> Outcome:
        """Do the work of ``train`` inside its run."""
        train_s = fit(candidate, split.train)
        measured = self.measure(candidate, split)
        evaluation = measured.evaluation
        times = {"train_s": train_s, "rank_ms": measured.rank_ms}
        self.runs.log(
            run_id,
            params=shown_params(candidate, split.train),
            metrics=all_metrics(evaluation) | times,
        )
        self._log_dataset(run_id, split.train)
        self._log_pages(run_id, measured, split, spec)
        figures = {metric: evaluation.figures[metric] for metric in SHOWN}
        described = description(split.train, figures, run_id, self.bert_model) | {
            "tested_on": split.months.test_month,
            "refit": False,
        }
        run = self._log_model(run_id, candidate, described)
        model = EvaluatedModel(
            site=split.train.site,
            candidate=spec.name,
            model_version=run_id,
            run_id=run_id,
            train_first=split.months.train_first,
            train_last=split.months.train_last,
            test_month=split.months.test_month,
        )
        with self.engine.begin() as connection:
            record_evaluations(connection, model, figures_to_store(evaluation))
        return outcome(spec, run, reused=False)

    def _in_run(
        self, parent_id: str, name: str, tags: dict[str, str], work: Callable[[str], T]
    ) -> T:
        """Do ``work`` inside a new run below its parent; orphans of a killed task end as failed."""
        for orphan in self.runs.find(
            self.experiment, {"training_key": tags["training_key"]}, status="RUNNING"
        ):
            self.runs.finish(orphan.run_id, failed=True)
        run_id = self.runs.start(self.experiment, name, tags=tags, parent_id=parent_id)
        try:
            done = work(run_id)
        except BaseException:
            self.runs.finish(run_id, failed=True)
            raise
        self.runs.finish(run_id)
        return done

    def _log_pages(
        self, run_id: str, measured: Measured, split: Split, spec: CandidateSpec
    ) -> None:
        """Log tables, pictures and what was suggested for each question."""
        evaluation, months = measured.evaluation, split.months
        title = (
            f"{spec.label} on {months.test_month} of {split.train.site}, "
            f"trained {months.train_first} to {months.train_last}"
        )
        tags = evaluation.tags
        self.runs.log_table(
            run_id,
            {
                "tag": [tag.tag for tag in tags],
                "uses": [tag.use_count for tag in tags],
                "suggested": [tag.suggested_count for tag in tags],
                "precision": [round(tag.precision, 4) for tag in tags],
                "recall": [round(tag.recall, 4) for tag in tags],
            },
            "tables/tags.json",
        )
        slices = evaluation.slices
        self.runs.log_table(
            run_id,
            {
                "slice": list(slices),
                "questions": [part.question_count for part in slices.values()],
                **{
                    metric: [round(part.figures[metric], 4) for part in slices.values()]
                    for metric in SHOWN
                },
            },
            "tables/slices.json",
        )
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            draw_evaluation(evaluation, title, folder / "pictures")
            measured.results.save(folder / FOLDER)
            self.runs.log_folder(run_id, folder)

    def _log_model(self, run_id: str, candidate: Candidate, described: Mapping[str, Any]) -> Run:
        """Save the candidate and log it as a model; return the run with the model's place."""
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work) / "candidate"
            save_candidate(candidate, folder, described)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            self.runs.log(run_id, metrics={"size_mb": size / 1e6})
            return self.runs.log_model(
                run_id,
                folder,
                params=candidate.describe(),
                requirements=model_requirements(candidate.name),
                bert_model=self.bert_model,
            )

    def _log_dataset(self, run_id: str, data: TrainingData) -> None:
        """Note what was learned from, in MLflow and in PostgreSQL."""
        log_dataset(self.runs, run_id, data)
        with self.engine.begin() as connection:
            record_dataset(connection, stored(data))

    def _key(self, candidate: Candidate, dataset_id: str, test_id: str) -> str:
        """Return the hash of all that a run's outcome depends on."""
        parts = [
            *(dataset_id, test_id, code_version(), candidate.name, self.bert_model or ""),
            json.dumps(candidate.describe(), sort_keys=True, default=str),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def log_dataset(runs: Runs, run_id: str, data: TrainingData) -> None:
    """Note in MLflow what a run learned from."""
    profile = {
        "first_month": data.first_month,
        "last_month": data.last_month,
        "questions": len(data.questions),
        "tags": len(data.vocabulary),
    }
    runs.log_dataset(
        run_id,
        name=f"{data.site} {data.first_month} to {data.last_month}",
        digest=data.dataset_id,
        role="training",
        profile=json.dumps(profile),
    )


def stored(data: TrainingData) -> StoredDataset:
    """Return the row of ``datasets`` that describes ``data``."""
    return StoredDataset(
        dataset_id=data.dataset_id,
        site=data.site,
        first_month=data.first_month,
        last_month=data.last_month,
        question_count=len(data.questions),
        min_tag_count=data.min_tag_count,
        vocabulary=data.vocabulary,
    )
