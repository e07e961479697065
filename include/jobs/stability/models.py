"""The monthly models of a study: trained once, then tested on every later month of the study."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from typing import Final

from sqlalchemy import Engine

from include import names
from include.candidates.base import EncoderFactory
from include.candidates.catalogue import load_candidate
from include.candidates.renamed import with_canonical_names
from include.errors import FixInputError
from include.evaluation.metrics import QuestionScores, score_questions, summarise
from include.evaluation.refreshes import COMMON_USES
from include.jobs.data.datasets import TimeSplit, split_slice_masks, tested_questions
from include.jobs.data.fitting import fit_within_budget
from include.jobs.data.observations import question_ids, unknown_term_share
from include.jobs.stability.refreshes import MonthRefreshes
from include.jobs.training.candidate_runs import CandidateMaker, CandidateRuns, dataset_row
from include.jobs.training.code_version import code_version
from include.jobs.training.fit_and_score import measure_full_texts, rank_questions
from include.jobs.training.plan import CandidateSpec
from include.memory_budget import MemoryBudget
from include.registry.descriptions import stability_year
from include.registry.downloads import delete_unused_downloads
from include.registry.runs import Runs
from include.settings import Settings
from include.store.models import (
    EvaluationKey,
    MetricValue,
    record_dataset,
    record_evaluations,
)
from include.store.stability import (
    Answers,
    ModelMonth,
    StoredMonth,
    Study,
    finish_month,
    lock_study,
    missing_pairs,
    read_months,
    record_month,
    record_pair,
    record_study,
    reopen_month,
)
from include.store.tag_names import read_tag_names
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)

YEAR: Final = "stability year"
_FIRST, _LAST = "0000-00", "9999-99"


@dataclass(frozen=True)
class StudyModels:
    """
    Trains and tests the models of a study.

    Parameters
    ----------
    engine : Engine
    runs : Runs
    settings : Settings
        Site, ``min_tag_count``, ``bert_model`` and ``local_dir`` are read.
    load : callable
        Returns the site's questions from a first to a last month, both included.
    encoders : EncoderFactory
        With a cache.
    make : callable
        Returns an unfitted candidate by name.
    """

    engine: Engine
    runs: Runs
    settings: Settings
    load: Callable[[str, str], LabelledTexts]
    encoders: EncoderFactory
    make: CandidateMaker

    def study(self, spec: CandidateSpec, window_months: int | None) -> Study:
        """
        Return the study of a candidate; its id is the hash of all that determines its figures.

        Raises
        ------
        FixInputError
            If the candidate or one of its parameters is unknown.
        """
        candidate = self.make(spec.name, spec.parameters, self.encoders)
        inputs = (
            self.settings.site,
            spec.name,
            json.dumps(candidate.get_params(), sort_keys=True, default=str),
            str(window_months),
            str(self.settings.min_tag_count),
            self.settings.bert_model or "",
            code_version(),
        )
        return Study(
            study_id=hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:32],
            site=self.settings.site,
            candidate=spec.name,
            parameters=spec.parameters,
            window_months=window_months,
            min_tag_count=self.settings.min_tag_count,
            encoder=self.settings.bert_model or "",
            code_version=code_version(),
        )

    def train(
        self,
        study: Study,
        split: TimeSplit,
        *,
        refreshes: bool = False,
        without_rare_tags: bool = False,
    ) -> str:
        """
        Train the month's model, test it and the study's other models on each other; return its run.

        Months may run in any order and in parallel: a model is recorded before its task queries
        the missing pairs, so of two months at least the later one sees the other. With
        ``refreshes`` the month is also answered by models that are refitted within it, and with
        ``without_rare_tags`` by one that knows only tags of `COMMON_USES` uses or more; with both
        also by such models that are refitted within it.

        Raises
        ------
        FixInputError
            If the study's models know no rarer tags.
        """
        if without_rare_tags and study.min_tag_count >= COMMON_USES:
            raise FixInputError(
                f"MIN_TAG_COUNT is {study.min_tag_count}, so that no model knows tags of fewer "
                f"than {COMMON_USES} uses: leave out without_rare_tags, or set it to 1"
            )
        with self.engine.begin() as connection:
            record_study(connection, study)
            record_dataset(connection, dataset_row(split.train))
        spec = CandidateSpec(study.candidate, dict(study.parameters))
        month = split.months.test_month
        outcome = self.candidates.train(
            self.year_run(study, month[:4]), split, spec, name=f"Model_Month_{month}"
        )
        model = self._month(outcome.run_id, split)
        with self.engine.begin() as connection:
            record_month(connection, study.study_id, model)
        self._test_missing_pairs(study, split)
        others = MonthRefreshes(
            self.engine, study, split, model, partial(self._fit_and_score, study)
        )
        if refreshes:
            others.refresh()
        if without_rare_tags:
            others.leave_out_rare_tags(refreshes=refreshes)
        with self.engine.begin() as connection:
            finish_month(connection, study.study_id, model)
        return outcome.run_id

    def year_run(self, study: Study, year: str) -> str:
        """Return the MLflow parent run of the study's months of a year; created if it is new."""
        tags = {"kind": YEAR, "study_id": study.study_id, "year": year}
        with self.engine.begin() as connection:
            lock_study(connection, f"{study.study_id} {year}")
            if known := self.runs.find(names.EXPERIMENT_STABILITY, tags, status=None):
                return known[-1].run_id
            spec = CandidateSpec(study.candidate, dict(study.parameters))
            window = f", last {study.window_months} months" if study.window_months else ""
            run_id = self.runs.start(
                names.EXPERIMENT_STABILITY,
                f"Stability {year} of {study.site} ({spec.label}{window})",
                tags=tags | {"site": study.site, "candidate": study.candidate},
                note=stability_year(spec.label, window, study.site, year),
            )
            # months are nested runs and are added later; the parent itself has nothing left to do
            self.runs.finish(run_id)
            return run_id

    @cached_property
    def candidates(self) -> CandidateRuns:
        """The models' MLflow runs."""
        return CandidateRuns(
            self.engine,
            self.runs,
            self.make,
            self.encoders,
            self.settings.bert_model,
            experiment=names.EXPERIMENT_STABILITY,
            measure=measure_full_texts,
            memory=MemoryBudget.from_settings(self.settings),
        )

    def _month(self, run_id: str, split: TimeSplit) -> ModelMonth:
        """Return the month with its test questions and slices, as every model is tested on them."""
        return ModelMonth(
            month=split.months.test_month,
            run_id=run_id,
            experiment_id=self.runs.get(run_id).experiment_id,
            dataset_id=split.train.dataset_id,
            test_id=split.test_id,
            question_ids=question_ids(split.test),
            slices=split_slice_masks(split),
            unknown_words=unknown_term_share(split.train.questions, split.test),
        )

    def _test_missing_pairs(self, study: Study, split: TimeSplit) -> None:
        """Test every missing pair with the split's month; each model is loaded once."""
        month = split.months.test_month
        with self.engine.connect() as connection:
            pairs = missing_pairs(connection, study.study_id, month)
            months = read_months(connection, study.study_id, _FIRST, _LAST)
            tag_names = read_tag_names(connection, study.site)
        copies = self.settings.local_dir / "stability" / "models"
        delete_unused_downloads(copies)
        for model_month, group in groupby(pairs, key=lambda pair: pair[0]):
            model = months[model_month]
            run = self.runs.get(model.model.run_id)
            folder = self.runs.candidate(run, copies)
            candidate = with_canonical_names(load_candidate(folder, self.encoders), tag_names)
            for _, test_month in group:
                questions = self._questions(study, months[test_month], split)
                if questions is None:
                    continue
                ranked = rank_questions(candidate, questions, titles_too=False).ranking.tags
                answers = Answers(
                    score_questions(ranked, questions.tags, tag_names.of_all(model.vocabulary)),
                    [tuple(tags) for tags in ranked],
                )
                self._store(study, model, months[test_month].model, answers)

    def _fit_and_score(
        self, study: Study, train: LabelledTexts, vocabulary: Sequence[str], test: LabelledTexts
    ) -> tuple[QuestionScores, float]:
        """Return the scores of a model of the study's family on a test, and its fit's seconds."""
        candidate = self.make(study.candidate, dict(study.parameters), self.encoders)
        memory = self.candidates.memory
        cost = fit_within_budget(candidate, train, vocabulary, memory, candidate.name)
        ranked = rank_questions(candidate, test, titles_too=False).ranking.tags
        return score_questions(ranked, test.tags, vocabulary), cost.seconds

    def _questions(self, study: Study, test: StoredMonth, split: TimeSplit) -> LabelledTexts | None:
        """Return a month's questions as when its model was trained, None if edited since."""
        if test.model.test_id == split.test_id:
            return split.test
        month = test.model.month
        questions, test_id = tested_questions(self.load(month, month), study.site)
        if test_id == test.model.test_id:
            return questions
        log.warning("the questions of %s have changed: run stability_month for it again", month)
        with self.engine.begin() as connection:
            reopen_month(connection, study.study_id, test.model)
        return None

    def _store(self, study: Study, model: StoredMonth, test: ModelMonth, answers: Answers) -> None:
        """Store a pair's outcome per question, and its means for the view ``decay``."""
        measured = EvaluationKey(
            site=study.site,
            candidate=study.candidate,
            model_version=model.model.run_id,
            run_id=model.model.run_id,
            train_first=model.train_first,
            train_last=model.train_last,
            test_month=test.month,
        )
        count = len(answers.scores)
        figures = [
            MetricValue("all", metric, value, count)
            for metric, value in summarise(answers.scores).items()
        ]
        with self.engine.begin() as connection:
            record_pair(connection, study.study_id, model, test, answers)
            record_evaluations(connection, measured, figures)
