"""
The champion's predictions for a month that it was not trained on.

For a champion that was refitted with the month, the predictions from its evaluation before the
refit are used. A champion that was not trained on the month predicts now. If it was trained on the
month in another way, it cannot be evaluated on it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.candidates.catalogue import load_candidate
from include.candidates.renamed import with_canonical_names
from include.errors import MissingDataError
from include.jobs.data.datasets import TimeSplit
from include.jobs.training.candidate_runs import CandidateRuns
from include.jobs.training.fit_and_score import evaluate_results, figures_to_store, rank_questions
from include.jobs.training.plan import TrainingPlan
from include.jobs.training.question_results import FOLDER, QuestionResults, load_results
from include.registry import ModelVersion, Registry
from include.store.models import EvaluationKey, record_evaluations
from include.store.tag_names import read_tag_names
from include.tag_names import TagNames

CHAMPION_EVALUATION: Final = "champion evaluation"


@dataclass(frozen=True)
class ChampionPredictions:
    """Loads or makes the predictions; see the module."""

    registry: Registry
    candidates: CandidateRuns

    def for_test_month(
        self, plan: TrainingPlan, split: TimeSplit, champion: ModelVersion
    ) -> QuestionResults:
        """
        Return the predictions of ``champion`` for the test month, made without training on it.

        They bear the names that tags have now, also those stored before a name changed.

        Raises
        ------
        MissingDataError
            If it was trained on the month and no earlier predictions are stored.
        ModelUnusableError
            If the champion does not load.
        """
        with self.candidates.engine.connect() as connection:
            tag_names = read_tag_names(connection, plan.site)
        return self._for_test_month(plan, split, champion, tag_names).renamed(tag_names)

    def _for_test_month(
        self, plan: TrainingPlan, split: TimeSplit, champion: ModelVersion, tag_names: TagNames
    ) -> QuestionResults:
        tags, month = champion.tags, plan.months.test_month
        trained_on = tags.get("site") == plan.site and month <= tags.get("train_last", "")
        if trained_on and tags.get("test_month") == month:
            return load_results(self.candidates.runs, tags.get("evaluation_run_id", ""))
        if trained_on:
            raise MissingDataError(
                f"it was trained on questions up to {tags['train_last']} and cannot be "
                f"evaluated on {month}; test on a later month"
            )
        key = {"kind": CHAMPION_EVALUATION, "version": champion.version, "test_id": plan.test_id}
        if known := self.candidates.runs.find(self.candidates.experiment, key):
            return load_results(self.candidates.runs, known[0].run_id)
        return self._evaluate(plan, split, champion, key, tag_names)

    def _evaluate(
        self,
        plan: TrainingPlan,
        split: TimeSplit,
        champion: ModelVersion,
        tags: Mapping[str, str],
        tag_names: TagNames,
    ) -> QuestionResults:
        """Predict the test month's questions with the champion; log and store its evaluation."""
        with tempfile.TemporaryDirectory() as work:
            folder = self.registry.download(champion, Path(work))
            candidate = load_candidate(folder, self.candidates.encoders)
            results = rank_questions(with_canonical_names(candidate, tag_names), split.test)
        evaluation = evaluate_results(results, split)
        runs = self.candidates.runs
        name = f"champion {champion.version} on {plan.months.test_month}"
        run_id = runs.start(self.candidates.experiment, name, tags=tags, parent_id=plan.run_id)
        with tempfile.TemporaryDirectory() as work:
            results.save(Path(work) / FOLDER)
            runs.log_folder(run_id, Path(work))
        runs.log(run_id, metrics=evaluation.figures)
        runs.finish(run_id)
        model = EvaluationKey(
            site=plan.site,
            candidate=champion.candidate,
            model_version=champion.version,
            run_id=run_id,
            train_first=champion.tags.get("train_first", ""),
            train_last=champion.tags.get("train_last", ""),
            test_month=plan.months.test_month,
        )
        with self.candidates.engine.begin() as connection:
            record_evaluations(connection, model, figures_to_store(evaluation))
        return results
