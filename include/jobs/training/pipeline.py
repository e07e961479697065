"""
Plan, train, evaluate, select and register: the steps of the DAG `train_candidates`.

``tagkeeper train --help`` runs the same steps without Airflow; MLproject's
entry points use it.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from sqlalchemy import Engine

from include import names
from include.candidates.base import EncoderFactory
from include.candidates.catalogue import make_candidate
from include.capacity import configured_capacity
from include.errors import CheckFailedError, FixInputError
from include.jobs.data.datasets import (
    SplitMonths,
    TimeSplit,
    resolve_days,
    resolve_months,
    split_by_time,
)
from include.jobs.data.month_samples import with_test_sample
from include.jobs.training.candidate_runs import (
    CandidateMaker,
    CandidateRuns,
    dataset_row,
    log_dataset,
)
from include.jobs.training.champion_predictions import ChampionPredictions
from include.jobs.training.code_version import code_version
from include.jobs.training.encoder_time import EncoderTime
from include.jobs.training.label_check import label_faults
from include.jobs.training.learned_from import obstacle
from include.jobs.training.plan import (
    CandidateSpec,
    TrainedCandidate,
    TrainingPlan,
    TrainingRequest,
    expand_candidates,
)
from include.jobs.training.promotion_gate import PromotionGate
from include.jobs.training.run_records import EVALUATION, candidate_of_run
from include.jobs.training.selection import CandidateComparison, ModelSelection
from include.jobs.training.summary import short_note
from include.memory_budget import MemoryBudget
from include.months import add_months, day_start, month_of, month_start
from include.notify.airflow_note import write_note
from include.registry import Registry, descriptions
from include.registry.descriptions import NOTE
from include.registry.runs import Runs
from include.settings import Settings
from include.store.encoder_time import EncoderSample
from include.store.engine import process_engine
from include.store.label_readings import read_label_age
from include.store.models import record_dataset
from include.task_results import TrainingResult
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)

QuestionLoader = Callable[[str, str], LabelledTexts]
"""Returns a site's questions from a first to a last month, both included."""


@dataclass(frozen=True)
class TrainingPipeline:
    """
    The steps of a training run, each safe to run again.

    Parameters
    ----------
    engine : Engine
        The platform's database.
    runs : Runs
    registry : Registry
    settings : Settings
        Site, ``min_tag_count``, gate, bootstrap, seed.
    load : callable
        `include.jobs.data.features.load_labelled` of the site.
    encoders : EncoderFactory
        Cached; see `include.jobs.data.features.cached_encoders`.
    make : callable
        Makes an unfitted candidate by name.
    """

    engine: Engine
    runs: Runs
    registry: Registry
    settings: Settings
    load: QuestionLoader
    encoders: EncoderFactory
    make: CandidateMaker = make_candidate
    _planned: dict[str, TimeSplit] = field(default_factory=dict, init=False, repr=False)
    """The questions of the latest plan of this process, by its run."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Connect to the database and the MLflow server of the settings."""
        from include.candidates.encoders import encoder_factory
        from include.jobs.data.features import cached_encoders, load_labelled

        engine = process_engine(settings.require_database_url())
        return cls(
            engine=engine,
            runs=Runs(settings.require_mlflow_uri()),
            registry=Registry(settings.require_mlflow_uri()),
            settings=settings,
            load=lambda first, last: load_labelled(engine, settings.site, first, last),
            encoders=cached_encoders(engine, encoder_factory(settings.bert_model)),
        )

    def plan(self, request: TrainingRequest) -> TrainingPlan:
        """
        Resolve months and data, and start the parent MLflow run of the candidates' runs.

        A repeated request resumes its MLflow run.

        Raises
        ------
        MissingDataError
            If questions are missing; the message names the month and the command that fetches it.
        CheckFailedError
            If the test month's tags look wrong: the winner would be refitted with them.
        """
        site, months = self.settings.site, self._months(request)
        split = self._split(months)
        self._check_labels(request, split)
        with self.engine.begin() as connection:
            record_dataset(connection, dataset_row(split.train))
            tested_from, tested_until = months.test_range
            train_from = month_start(months.train_first)
            test_age = read_label_age(connection, site, tested_from, tested_until)
            train_age = read_label_age(connection, site, train_from, tested_from)
        specs, left_out = self._specs(request, split)
        test_sample = self._test_sample(specs, split)
        split = with_test_sample(split, test_sample)
        run_id, experiment_id = self._training_run(request, split)
        self._planned.clear()
        self._planned[run_id] = split
        return TrainingPlan(
            request=request,
            site=site,
            months=months,
            dataset_id=split.train.dataset_id,
            test_id=split.test_id,
            run_id=run_id,
            experiment_id=experiment_id,
            specs=specs,
            left_out=left_out,
            test_sample=test_sample if split.sample else None,
            test_label_age=test_age,
            train_label_age=train_age,
        )

    def train_one(self, plan: TrainingPlan, spec: CandidateSpec) -> TrainedCandidate:
        """Fit, evaluate and log one candidate; see `CandidateRuns.train`."""
        return self.candidates.train(plan.run_id, self._planned_split(plan), spec)

    def finished(self, plan: TrainingPlan) -> list[TrainedCandidate]:
        """Return the candidates trained for the plan's data with the current code, newest first."""
        tags = {
            "kind": EVALUATION,
            "dataset_id": plan.dataset_id,
            "test_id": plan.test_id,
            "code_version": code_version(),
        }
        newest: dict[str, TrainedCandidate] = {}
        for run in self.runs.find(names.EXPERIMENT_TRAINING, tags):
            candidate = candidate_of_run(run)
            newest.setdefault(candidate.spec.label, candidate)
        return list(newest.values())

    def compare(
        self, plan: TrainingPlan, trained: Sequence[TrainedCandidate]
    ) -> tuple[CandidateComparison, str]:
        """Return the comparison and its note; log the note in MLflow; change nothing else."""
        comparison = self.selection.compare(plan, self._planned_split(plan), trained)
        text = comparison.note(plan)
        self.runs.log(plan.run_id, tags={NOTE: text})
        return comparison, text

    def select(self, plan: TrainingPlan, trained: Sequence[TrainedCandidate]) -> TrainingResult:
        """
        Select the best, compare it with the champion, register and promote it.

        Raises
        ------
        CheckFailedError
            If every candidate failed; the training run is marked as failed.
        """
        split = self._planned_split(plan)
        try:
            comparison = self.selection.compare(plan, split, trained)
        except CheckFailedError:
            self.runs.finish(plan.run_id, failed=True)
            raise
        return self.selection.apply(plan, split, comparison)

    @cached_property
    def candidates(self) -> CandidateRuns:
        """The candidates' MLflow runs."""
        bert_model = self.settings.bert_model
        return CandidateRuns(
            self.engine,
            self.runs,
            self.make,
            self.encoders,
            bert_model,
            memory=MemoryBudget.from_settings(self.settings),
            encoder_time=self._encoder_time,
        )

    @cached_property
    def _encoder_time(self) -> EncoderTime:
        return EncoderTime(self.engine, self.encoders, self.settings.encoder_minutes)

    @cached_property
    def selection(self) -> ModelSelection:
        """The selection among candidates, with its gate."""
        champion = ChampionPredictions(self.registry, self.candidates)
        gate = PromotionGate(champion, self.settings)
        return ModelSelection(self.registry, self.candidates, gate, self.settings)

    def _months(self, request: TrainingRequest) -> SplitMonths:
        """Return the months of the request's split."""
        site = self.settings.site
        window_months = request.window_months or self.settings.training_window_months
        with self.engine.connect() as connection:
            if request.test_from and request.test_until:
                return resolve_days(
                    connection,
                    site,
                    test_from=request.test_from,
                    test_until=request.test_until,
                    window_months=window_months,
                )
            return resolve_months(
                connection, site, test_month=request.test_month, window_months=window_months
            )

    def _check_labels(self, request: TrainingRequest, split: TimeSplit) -> None:
        """Check the tags of what a model would learn for the first time."""
        if not self.settings.check_labels:
            return
        before, new = split.train.questions, split.test
        tested, month = split.months.label, split.months.test_month
        advice = f"clear ingest_questions for {month} to read them again"
        if request.unseen_from is not None:
            unseen = bisect_left(before.asked_at, day_start(request.unseen_from))
            new = before.take(range(unseen, len(before))) + new
            before = before.take(range(unseen))
            tested = f"the questions from {request.unseen_from} on"
            advice = "delete their days from ingest_windows: ingest_recent reads them again"
        if faults := label_faults(before, new):
            raise CheckFailedError(
                f"the tags of {tested} look wrong, so nothing was trained: {'; '.join(faults)}. "
                f"Compare some questions with the site; {advice}. If they are right, set "
                "CHECK_LABELS=false"
            )

    def _specs(
        self, request: TrainingRequest, split: TimeSplit
    ) -> tuple[tuple[CandidateSpec, ...], tuple[str, ...]]:
        """Return the candidates to train, and why others are left out."""
        if not request.whole_window_only:
            return request.candidates, ()
        memory_mb = configured_capacity(self.settings).memory_mb
        kept, left_out = [], []
        for spec in request.candidates:
            candidate = self.make(spec.name, spec.parameters, self.encoders)
            reason = obstacle(candidate, split.train, memory_mb) or obstacle(
                self.candidates.unfitted(spec, split.train), split.train, memory_mb
            )
            if reason is None:
                kept.append(spec)
            else:
                left_out.append(reason)
        return tuple(kept), tuple(left_out)

    def _split(self, months: SplitMonths) -> TimeSplit:
        """Load the months' questions and split them by time."""
        questions = self.load(months.train_first, months.last_loaded)
        count = self.settings.min_tag_count
        return split_by_time(questions, months, site=self.settings.site, min_tag_count=count)

    def _test_sample(
        self, specs: Sequence[CandidateSpec], split: TimeSplit
    ) -> EncoderSample | None:
        """Return how many questions the candidates are tested on; None if encoders set no limit."""
        encoder_names = sorted({name for spec in specs for name in self._encoder_names(spec)})
        return self._encoder_time.to_test(encoder_names, split.test, split.test_id)

    def _encoder_names(self, spec: CandidateSpec) -> tuple[str, ...]:
        """Return a candidate's encoders; none if its parameters are wrong: its own task says so."""
        try:
            return self.make(spec.name, spec.parameters, self.encoders).encoder_names
        except FixInputError:
            return ()

    def _planned_split(self, plan: TrainingPlan) -> TimeSplit:
        """Return the plan's questions; of the test month, those that it is tested on."""
        known = self._planned.get(plan.run_id)
        if known and (known.train.dataset_id, known.test_id) == (plan.dataset_id, plan.test_id):
            return known
        return with_test_sample(self._split(plan.months), plan.test_sample)

    def _training_run(self, request: TrainingRequest, split: TimeSplit) -> tuple[str, str]:
        """Return run and experiment of the request; start the run if there is none."""
        tags = {"kind": "training", "request_id": request.request_id}
        tags |= {"test_month": split.months.label, "site": self.settings.site}
        if known := self.runs.find(names.EXPERIMENT_TRAINING, tags, status=None):
            return known[0].run_id, known[0].experiment_id
        run_id = self.runs.start(
            names.EXPERIMENT_TRAINING,
            f"training for {split.months.label}",
            tags=tags | {"actor": request.actor, "reason": request.reason},
            note=descriptions.training(split.months.label, self.settings.site, request.reason),
        )
        log_dataset(self.runs, run_id, split.train)
        return run_id, self.runs.get(run_id).experiment_id


def request_from_run(
    settings: Settings,
    params: Mapping[str, Any],
    *,
    run_id: str,
    run_type: str,
    data_interval_end: datetime | None,
) -> TrainingRequest:
    """
    Return the request of a run of the DAG `train_candidates`.

    A backfilled run tests on the month before its data interval's end; other runs test on the
    latest month that is completely stored, unless their params name one.

    Parameters
    ----------
    settings : Settings
    params : mapping
        As in `request_from_params`.
    run_id, run_type : str
        As Airflow names them; the run's id is the actor in the ledger.
    data_interval_end : datetime or None
        Aware; None for a run without a data interval.
    """
    merged = dict(params)
    if run_type == "backfill" and data_interval_end and not merged.get("test_month"):
        merged["test_month"] = add_months(month_of(data_interval_end), -1)
    merged["reason"] = (
        merged.get("reason") or f"{run_type} run, policy {settings.retraining_policy}"
    )
    return request_from_params(merged, settings, request_id=run_id, actor=run_id)


def request_from_params(
    params: Mapping[str, Any], settings: Settings, *, request_id: str, actor: str
) -> TrainingRequest:
    """
    Return the request of a trigger form or of another DAG's conf; see `dags/train_candidates.py`.

    Parameters
    ----------
    params : mapping
        ``test_month``, ``window_months``, ``candidates``, ``parameters``, ``reason``,
        ``drift_report_id``, ``refit``; absent or null ones take their defaults.
    settings : Settings
        Its candidates are the default; ``auto`` stands for those that hold the whole window.
    request_id, actor : str
        As in `TrainingRequest`.

    Raises
    ------
    FixInputError
        If no candidate is named, or parameters have another form.
    """
    report_id = params.get("drift_report_id")
    chosen = params.get("candidates") or settings.candidate_names
    automatic = names.AUTO in chosen
    return TrainingRequest(
        request_id=request_id,
        actor=actor,
        reason=str(params.get("reason") or "scheduled retraining"),
        candidates=expand_candidates(
            names.DEFAULT_CANDIDATES if automatic else chosen, params.get("parameters")
        ),
        whole_window_only=automatic,
        test_month=params.get("test_month") or None,
        window_months=params.get("window_months") or None,
        drift_report_id=int(report_id) if report_id is not None else None,
        refit=bool(params.get("refit", True)),
    )


def select_and_note(
    settings: Settings,
    planned: Mapping[str, Any],
    trained: Sequence[Mapping[str, Any] | None],
    run_id: str,
) -> TrainingResult:
    """
    Select among the candidates that the DAG's tasks trained; write the note of the DAG run.

    Parameters
    ----------
    settings : Settings
    planned : mapping
        `TrainingPlan.to_dict`.
    trained : sequence of mapping or None
        `TrainedCandidate.to_dict` of each candidate; None for one that failed.
    run_id : str
        The DAG run that gets the note.
    """
    candidates = [TrainedCandidate.from_dict(values) for values in trained if values]
    pipeline = TrainingPipeline.from_settings(settings)
    result = pipeline.select(TrainingPlan.from_dict(planned), candidates)
    text = short_note(result, settings.mlflow_page)
    write_note(settings, names.DAG_TRAIN, run_id, text)
    return result


def train_all(
    pipeline: TrainingPipeline, request: TrainingRequest, report: Callable[[str], None]
) -> TrainingResult:
    """Carry out a request in this process; a candidate that fails does not stop the others."""
    plan = pipeline.plan(request)
    trained = []
    for spec in plan.specs:
        try:
            candidate = pipeline.train_one(plan, spec)
        except Exception as error:  # libraries may raise anything: the others continue
            log.exception("%s failed", spec.label)
            report(f"{spec.label} failed: {error}")
        else:
            trained.append(candidate)
            report(one_line(candidate))
    return pipeline.select(plan, trained)


def one_line(candidate: TrainedCandidate) -> str:
    """Return a candidate's F1 over all questions for the terminal."""
    figures = " ".join(f"F1@{k} {candidate.figures[f'f1_all@{k}']:.3f}" for k in (1, 3, 5))
    return f"{candidate.spec.label}: {figures}{' (reused)' if candidate.reused else ''}"
