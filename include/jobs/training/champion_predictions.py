"""
What the champion suggests for a month, from before it had learned from that month.

A champion that was refitted to the very month is judged by the answers that were kept from before;
one that knows nothing of the month is asked now; one that has learned from it otherwise cannot be
judged by it at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from include.candidates.catalogue import load_candidate
from include.errors import MissingDataError
from include.jobs.data.datasets import Split
from include.jobs.training.candidate_runs import CandidateRuns
from include.jobs.training.fit_and_score import evaluate_results, figures_to_store, rank_questions
from include.jobs.training.plan import Plan
from include.jobs.training.question_results import FOLDER, QuestionResults, results_of
from include.registry import ModelVersion, Registry
from include.store.models import EvaluatedModel, record_evaluations

CHAMPION_EVALUATION: Final = "champion evaluation"


@dataclass(frozen=True)
class ChampionAnswers:
    """Fetches or makes the answers; see the module."""

    engine: Engine
    registry: Registry
    candidates: CandidateRuns

    def on(self, plan: Plan, split: Split, champion: ModelVersion) -> QuestionResults:
        """
        Return what ``champion`` suggests for the test month without having learned from it.

        Raises
        ------
        MissingDataError
            If it has learned from the month and no answers from before are kept.
        ModelUnusableError
            If it does not load.
        """
        tags, month = champion.tags, plan.months.test_month
        seen = tags.get("site") == plan.site and month <= tags.get("train_last", "")
        if seen and tags.get("test_month") == month:
            return results_of(self.candidates.runs, tags.get("evaluation_run_id", ""))
        if seen:
            raise MissingDataError(
                f"it has learned from questions up to {tags['train_last']}, so {month} cannot "
                "judge it; train on a later month"
            )
        key = {"kind": CHAMPION_EVALUATION, "version": champion.version, "test_id": plan.test_id}
        if known := self.candidates.runs.find(self.candidates.experiment, key):
            return results_of(self.candidates.runs, known[0].run_id)
        return self._evaluate(plan, split, champion, key)

    def _evaluate(
        self, plan: Plan, split: Split, champion: ModelVersion, tags: Mapping[str, str]
    ) -> QuestionResults:
        """Ask the champion the test month's questions; log and store how it does."""
        with tempfile.TemporaryDirectory() as work:
            folder = self.registry.download(champion, Path(work))
            candidate = load_candidate(folder, self.candidates.encoders)
            results = rank_questions(candidate, split.test)
        evaluation = evaluate_results(results, split)
        runs = self.candidates.runs
        name = f"champion {champion.version} on {plan.months.test_month}"
        run_id = runs.start(self.candidates.experiment, name, tags=tags, parent_id=plan.run_id)
        with tempfile.TemporaryDirectory() as work:
            results.save(Path(work) / FOLDER)
            runs.log_folder(run_id, Path(work))
        runs.log(run_id, metrics=evaluation.figures)
        runs.finish(run_id)
        model = EvaluatedModel(
            site=plan.site,
            candidate=champion.candidate,
            model_version=champion.version,
            run_id=run_id,
            train_first=champion.tags.get("train_first", ""),
            train_last=champion.tags.get("train_last", ""),
            test_month=plan.months.test_month,
        )
        with self.engine.begin() as connection:
            record_evaluations(connection, model, figures_to_store(evaluation))
        return results
