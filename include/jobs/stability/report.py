"""What a stretch of monthly models says: from what is stored of a study to a `YearReport`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Engine

from include.evaluation.decay import decay_matrix, half_life
from include.evaluation.metrics import DEPTH, QuestionScores, score_questions, summarise
from include.evaluation.periods import judge_months, periods_of_drift
from include.evaluation.policies import PolicyCurve, policy_curves, recommend
from include.evaluation.refresh import asks_for_new_vectors
from include.evaluation.year import MonthFigures, YearReport
from include.jobs.stability.alarms import Checks
from include.jobs.stability.causes import Explainer
from include.jobs.stability.questions import Questions
from include.registry.runs import run_url
from include.settings import Settings
from include.store.stability import (
    Answers,
    ModelMonth,
    Shown,
    StoredMonth,
    Study,
    read_months,
    read_pairs,
    read_shown,
)

MATRICES = ("f1_all@5", "coverage", "ceiling_all@5")


@dataclass(frozen=True)
class Reporter:
    """
    Builds reports on stretches of a study's months.

    Parameters
    ----------
    engine : Engine
    settings : Settings
        ``bootstrap_samples``, ``random_seed``, ``false_alarms_per_year`` and MLflow's addresses
        are read.
    study : Study
    questions : Questions
        Of the study's site.
    """

    engine: Engine
    settings: Settings
    study: Study
    questions: Questions

    def build(self, first_month: str, last_month: str) -> YearReport:
        """
        Return the report on consecutive months, none of them stale.

        Raises
        ------
        MissingDataError
            If a pair of them was not tested.
        """
        with self.engine.connect() as connection:
            stretch = (self.study.study_id, first_month, last_month)
            months = read_months(connection, *stretch)
            answers = read_pairs(connection, *stretch)
        pairs = {pair: each.scores for pair, each in answers.items()}
        names = tuple(months)
        seeded = {"samples": self.settings.bootstrap_samples, "seed": self.settings.random_seed}
        alarms = Checks(
            self.engine, self.settings, self.study.study_id, months, answers, self.questions
        ).alarms()
        curves = policy_curves(pairs, names, alarms, **seeded)
        policy, recommendation = recommend(curves)
        tests = judge_months(pairs, names)
        explainer = Explainer(self.study.site, months, answers, self.questions, self._show)
        return YearReport(
            site=self.study.site,
            candidate=self.study.candidate,
            months=names,
            window_months=self.study.window_months,
            figures=self._figures(months, answers, curves["monthly"]),
            matrices={metric: decay_matrix(pairs, metric) for metric in MATRICES},
            half_life=half_life(pairs, **seeded) if len(names) > 1 else None,
            curves=curves,
            alarms=alarms,
            policy=policy,
            recommendation=recommendation,
            tests=tests,
            periods=tuple(explainer.explain(period) for period in periods_of_drift(tests)),
        )

    def stale_months(self, first_month: str, last_month: str) -> list[ModelMonth]:
        """Return the months whose questions have changed since models were tested on them."""
        with self.engine.connect() as connection:
            months = read_months(connection, self.study.study_id, first_month, last_month)
        current = {month: self.questions.of(month) for month in months}
        return [
            stored.model
            for month, stored in months.items()
            if (questions := current[month]) is None or questions.test_id != stored.model.test_id
        ]

    def _figures(
        self,
        months: Mapping[str, StoredMonth],
        answers: Mapping[tuple[str, str], Answers],
        monthly: PolicyCurve,
    ) -> tuple[MonthFigures, ...]:
        """Return one line a month, oldest first."""
        stored = list(months.values())
        learned: list[tuple[str, ...]] = [()]
        for earlier, later in pairwise(stored):
            learned.append(tuple(sorted(set(later.vocabulary) - set(earlier.vocabulary))))
        # what a month shows is known when it is over: the next training can heed it
        asked = asks_for_new_vectors([each.model.unknown_words for each in stored])
        refreshed = (False, *asked[:-1])
        mlflow = self.settings.mlflow_url or self.settings.require_mlflow_uri()
        lines = []
        for place, each in enumerate(stored):
            month, fresh = each.model.month, answers[each.model.month, each.model.month]
            means = summarise(fresh.scores)
            lines.append(
                MonthFigures(
                    month=month,
                    question_count=len(fresh.scores),
                    vocabulary_size=len(each.vocabulary),
                    f1=monthly.f1[place],
                    low=monthly.low[place],
                    high=monthly.high[place],
                    coverage=means["coverage"],
                    ceiling=means["ceiling_all@5"],
                    unknown_words=each.model.unknown_words,
                    learned_tags=learned[place],
                    f1_without_learned=self._f1_without(each, fresh, learned[place]),
                    encoder_refreshed=refreshed[place],
                    run_url=run_url(mlflow, each.model.experiment_id, each.model.run_id),
                )
            )
        return tuple(lines)

    def _f1_without(self, month: StoredMonth, fresh: Answers, learned: Sequence[str]) -> float:
        """Return F1@5 of the fresh model's suggestions once ``learned`` is taken out of them."""
        gone = frozenset(learned)
        questions = self.questions.of(month.model.month)
        assert questions is not None, "a month with a model has questions"
        scores: QuestionScores = score_questions(
            [[tag for tag in tags if tag not in gone] for tags in fresh.suggested],
            questions.tags,
            set(month.vocabulary) - gone,
        )
        return float(scores.f1_all(DEPTH).mean())

    def _show(self, question_ids: Sequence[int], months: tuple[str, str]) -> list[Shown]:
        with self.engine.connect() as connection:
            return read_shown(connection, self.study.site, question_ids, months)
