"""
Plan, train, evaluate, choose and register; what the DAG `train_candidates` calls.

``python -m include.jobs.training.command --help`` does the same work without Airflow, and is what
MLproject's entry points run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Engine

from include import names
from include.candidates.base import EncoderFactory
from include.candidates.catalogue import make_candidate
from include.errors import CheckFailedError
from include.jobs.data.datasets import Months, Split, resolve_months, split_by_time
from include.jobs.training.candidate_runs import CandidateMaker, CandidateRuns, log_dataset, stored
from include.jobs.training.code_version import code_version
from include.jobs.training.plan import (
    CandidateSpec,
    Outcome,
    Plan,
    TrainingRequest,
    expand_candidates,
)
from include.jobs.training.run_records import EVALUATION, outcome_of
from include.jobs.training.selection import Chooser, Comparison
from include.jobs.training.summary import note, short_note
from include.months import add_months, month_of
from include.notify.airflow_note import write_note
from include.registry import Registry
from include.registry.runs import NOTE, Runs
from include.settings import Settings
from include.store.engine import make_engine
from include.store.models import record_dataset
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)

Loader = Callable[[str, str], LabelledTexts]
"""Returns a site's questions from a first to a last month, both included."""


@dataclass(frozen=True)
class Training:
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
        With the cache in front.
    make : callable
        Makes an untrained candidate by name.
    """

    engine: Engine
    runs: Runs
    registry: Registry
    settings: Settings
    load: Loader
    encoders: EncoderFactory
    make: CandidateMaker = make_candidate

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build everything on the database and the MLflow server that the settings name."""
        from include.candidates.encoders import encoder_factory
        from include.jobs.data.features import cached_encoders, load_labelled

        engine = make_engine(settings.require_database_url(), pool_size=2)
        return cls(
            engine=engine,
            runs=Runs(settings.require_mlflow_uri()),
            registry=Registry(settings.require_mlflow_uri()),
            settings=settings,
            load=lambda first, last: load_labelled(engine, settings.site, first, last),
            encoders=cached_encoders(engine, encoder_factory(settings.bert_model)),
        )

    def plan(self, request: TrainingRequest) -> Plan:
        """
        Settle months and data, and start the MLflow run that will hold the candidates' runs.

        Asked again by the same request, the same MLflow run goes on.

        Raises
        ------
        MissingDataError
            If questions are missing; the message names the month and the command that gets it.
        """
        site = self.settings.site
        with self.engine.connect() as connection:
            months = resolve_months(
                connection,
                site,
                test_month=request.test_month,
                window_months=request.window_months or self.settings.training_window_months,
            )
        split = self._split(months)
        with self.engine.begin() as connection:
            record_dataset(connection, stored(split.train))
        run_id, experiment_id = self._training_run(request, split)
        return Plan(
            site=site,
            months=months,
            dataset_id=split.train.dataset_id,
            test_id=split.test_id,
            run_id=run_id,
            experiment_id=experiment_id,
            specs=request.candidates,
            request_id=request.request_id,
            actor=request.actor,
            reason=request.reason,
            drift_report_id=request.drift_report_id,
            refit=request.refit,
        )

    def train_one(self, plan: Plan, spec: CandidateSpec) -> Outcome:
        """Fit, measure and log one candidate; see `CandidateRuns.train`."""
        return self._candidates.train(plan.run_id, self._split(plan.months), spec)

    def finished(self, plan: Plan) -> list[Outcome]:
        """Return what has been trained for the plan's data with today's code, newest first."""
        tags = {
            "kind": EVALUATION,
            "dataset_id": plan.dataset_id,
            "test_id": plan.test_id,
            "code_version": code_version(),
        }
        found: dict[str, Outcome] = {}
        for run in self.runs.find(names.EXPERIMENT_TRAINING, tags):
            outcome = outcome_of(run)
            found.setdefault(outcome.spec.label, outcome)
        return list(found.values())

    def compare(self, plan: Plan, outcomes: Sequence[Outcome]) -> tuple[Comparison, str]:
        """Return the choice and its note; note it in MLflow; change nothing else."""
        found = self._chooser.compare(plan, self._split(plan.months), outcomes)
        text = note(plan, found.rows, found.decision.reason, found.failed)
        self.runs.log(plan.run_id, tags={NOTE: text})
        return found, text

    def choose(self, plan: Plan, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """
        Choose the best, hold it against the champion, register and promote; return plain values.

        Raises
        ------
        CheckFailedError
            If every candidate failed; the training run is marked as failed.
        """
        split = self._split(plan.months)
        try:
            found = self._chooser.compare(plan, split, outcomes)
        except CheckFailedError:
            self.runs.finish(plan.run_id, failed=True)
            raise
        return self._chooser.act(plan, split, found)

    @property
    def _candidates(self) -> CandidateRuns:
        bert_model = self.settings.bert_model
        return CandidateRuns(self.engine, self.runs, self.make, self.encoders, bert_model)

    @property
    def _chooser(self) -> Chooser:
        return Chooser(self.engine, self.registry, self._candidates, self.settings)

    def _split(self, months: Months) -> Split:
        """Load the months' questions and cut them by time."""
        questions = self.load(months.train_first, months.test_month)
        count = self.settings.min_tag_count
        return split_by_time(questions, months, site=self.settings.site, min_tag_count=count)

    def _training_run(self, request: TrainingRequest, split: Split) -> tuple[str, str]:
        """Return run and experiment of this request, started if it is new."""
        tags = {"kind": "training", "request_id": request.request_id}
        tags |= {"test_month": split.months.test_month, "site": self.settings.site}
        if known := self.runs.find(names.EXPERIMENT_TRAINING, tags, status=None):
            return known[0].run_id, known[0].experiment_id
        run_id = self.runs.start(
            names.EXPERIMENT_TRAINING,
            f"training for {split.months.test_month}",
            tags=tags | {"actor": request.actor, "reason": request.reason},
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
    Return what a run of the DAG `train_candidates` asks for.

    A backfilled run is about the month before its data interval's end; any other takes the latest
    month that is completely stored, unless its params name one.

    Parameters
    ----------
    settings : Settings
    params : mapping
        As in `request_from_params`.
    run_id, run_type : str
        As Airflow names them; the run's id is who acts in the ledger.
    data_interval_end : datetime or None
        Aware; None for a run without a data interval.
    """
    asked = dict(params)
    if run_type == "backfill" and data_interval_end and not asked.get("test_month"):
        asked["test_month"] = add_months(month_of(data_interval_end), -1)
    asked["reason"] = asked.get("reason") or f"{run_type} run, policy {settings.retraining_policy}"
    return request_from_params(asked, settings, request_id=run_id, actor=run_id)


def request_from_params(
    params: Mapping[str, Any], settings: Settings, *, request_id: str, actor: str
) -> TrainingRequest:
    """
    Return what a trigger form or another DAG's conf asks for; see `dags/train_candidates.py`.

    Parameters
    ----------
    params : mapping
        ``test_month``, ``window_months``, ``candidates``, ``parameters``, ``reason``,
        ``drift_report_id``, ``refit``; absent or null ones take their defaults.
    settings : Settings
        Names the candidates where the params do not.
    request_id, actor : str
        As in `TrainingRequest`.

    Raises
    ------
    FixInputError
        If no candidate is named, or parameters are of another form.
    """
    report_id = params.get("drift_report_id")
    return TrainingRequest(
        request_id=request_id,
        actor=actor,
        reason=str(params.get("reason") or "scheduled retraining"),
        candidates=expand_candidates(
            params.get("candidates") or settings.candidate_names, params.get("parameters")
        ),
        test_month=params.get("test_month") or None,
        window_months=params.get("window_months") or None,
        drift_report_id=int(report_id) if report_id is not None else None,
        refit=bool(params.get("refit", True)),
    )


def choose_and_note(
    settings: Settings,
    planned: Mapping[str, Any],
    trained: Sequence[Mapping[str, Any] | None],
    run_id: str,
) -> dict[str, Any]:
    """
    Choose among what the DAG's tasks trained, note it on the DAG run's page, return plain values.

    Parameters
    ----------
    settings : Settings
    planned : mapping
        `Plan.to_dict`.
    trained : sequence of mapping or None
        `Outcome.to_dict` of each candidate that did not fail.
    run_id : str
        The DAG run whose page gets the note.
    """
    outcomes = [Outcome.from_dict(outcome) for outcome in trained if outcome]
    done = Training.from_settings(settings).choose(Plan.from_dict(planned), outcomes)
    text = short_note(done, settings.mlflow_url or settings.require_mlflow_uri())
    write_note(settings, names.DAG_TRAIN, run_id, text)
    return done


def train_all(
    training: Training, request: TrainingRequest, say: Callable[[str], None]
) -> dict[str, Any]:
    """Do the whole of a request in this process; a candidate that fails does not stop the rest."""
    plan = training.plan(request)
    outcomes = []
    for spec in plan.specs:
        try:
            outcome = training.train_one(plan, spec)
        except Exception as error:  # whatever a library raises: the others go on
            log.exception("%s failed", spec.label)
            say(f"{spec.label} failed: {error}")
        else:
            outcomes.append(outcome)
            say(one_line(outcome))
    return training.choose(plan, outcomes)


def one_line(outcome: Outcome) -> str:
    """Return a candidate's figures for the terminal."""
    figures = " ".join(f"F1@{k} {outcome.figures[f'f1@{k}']:.3f}" for k in (1, 3, 5))
    return f"{outcome.spec.label}: {figures}{' (trained before)' if outcome.reused else ''}"
