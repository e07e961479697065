"""
The champion's predictions for a month, or days, that it was not trained on.

For a champion that was refitted with the tested questions, the predictions from its evaluation
before the refit are used. A champion that was not trained on them predicts now. Where a refresh has
learned some of them, its family with its parameters is trained on the split's own questions
instead. If the champion was trained on them in another way, it cannot be evaluated on them.
"""

from __future__ import annotations

import json
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
from include.jobs.training.plan import CandidateSpec, TrainingPlan
from include.jobs.training.question_results import FOLDER, QuestionResults, load_results
from include.months import period_end_label
from include.registry import ModelVersion, Registry
from include.registry.descriptions import champion_predictions
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
        Return the predictions of ``champion`` for the test, made without training on it.

        They bear the names that tags have now, also those stored before a name changed.

        Raises
        ------
        MissingDataError
            If it was trained on later questions and no earlier predictions are stored.
        ModelUnusableError
            If the champion does not load.
        """
        with self.candidates.engine.connect() as connection:
            tag_names = read_tag_names(connection, plan.site)
        return self._for_test_month(plan, split, champion, tag_names).renamed(tag_names)

    def _for_test_month(
        self, plan: TrainingPlan, split: TimeSplit, champion: ModelVersion, tag_names: TagNames
    ) -> QuestionResults:
        tags, months = champion.tags, plan.months
        until = champion.learned_until if tags.get("site") == plan.site else None
        if until is not None and until > months.test_range[0]:
            if tags.get("tested_on", tags.get("test_month")) == months.label:
                return load_results(self.candidates.runs, tags.get("evaluation_run_id", ""))
            refreshed = "refresh" in tags
            if refreshed and tags["train_last"] <= months.test_month:
                return self._configuration_of(plan, split, champion)
            raise MissingDataError(
                f"it was trained on questions up to {period_end_label(until)} and cannot be "
                f"evaluated on {months.label}; test on a later month"
            )
        key = {"kind": CHAMPION_EVALUATION, "version": champion.version, "test_id": plan.test_id}
        if known := self.candidates.runs.find(self.candidates.experiment, key):
            return load_results(self.candidates.runs, known[0].run_id)
        return self._evaluate(plan, split, champion, key, tag_names)

    def _configuration_of(
        self, plan: TrainingPlan, split: TimeSplit, champion: ModelVersion
    ) -> QuestionResults:
        """Train the champion's family with its parameters on the split's questions."""
        overrides = json.loads(champion.tags.get("overrides") or "{}")
        spec = CandidateSpec(champion.candidate, overrides)
        trained = self.candidates.train(plan.run_id, split, spec)
        return load_results(self.candidates.runs, trained.run_id)

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
        name = f"champion {champion.version} on {plan.months.label}"
        run_id = runs.start(
            self.candidates.experiment,
            name,
            tags=tags,
            note=champion_predictions(champion.version, plan.site, plan.months.label),
            parent_id=plan.run_id,
        )
        with tempfile.TemporaryDirectory() as work:
            results.save(Path(work) / FOLDER)
            runs.log_folder(run_id, Path(work))
        runs.log(run_id, metrics=evaluation.figures)
        runs.finish(run_id)
        if plan.months.test_from is not None:
            return results  # its row is about a whole month
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
