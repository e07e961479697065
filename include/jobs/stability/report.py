"""Builds a `YearReport` on a report period from the stored results of a study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import Engine

from include.evaluation.decay import decay_matrix, half_life
from include.evaluation.drift_periods import find_drift_periods, loss_tests
from include.evaluation.metrics import DEPTH, QuestionScores, score_questions, summarise
from include.evaluation.policies import PolicyCurve, policy_curves, recommend
from include.evaluation.refits import Refit, month_refits
from include.evaluation.refreshes import Gain, RefreshedMonth, refresh_curve
from include.evaluation.schedules import Prices
from include.evaluation.unknown_words import needs_new_vectors
from include.evaluation.year import MonthFigures, YearReport
from include.jobs.stability.alarms import StudyChecks
from include.jobs.stability.causes import PeriodExplainer
from include.jobs.stability.questions import StudyQuestions
from include.registry.runs import run_url
from include.retraining import COMMON_TAGS, REFRESHES_COMMON_TAGS, WEEKLY, WITHOUT_RARE_TAGS
from include.settings import Settings
from include.store.stability import (
    Answers,
    DisplayedQuestion,
    ModelMonth,
    StoredMonth,
    Study,
    read_displayed_questions,
    read_months,
    read_pairs,
    read_refits,
    read_refreshed_months,
)

MATRICES = ("f1_all@5", "coverage", "ceiling_all@5")


@dataclass(frozen=True)
class ReportBuilder:
    """
    Builds reports on consecutive months of a study.

    Parameters
    ----------
    engine : Engine
    settings : Settings
        ``bootstrap_samples``, ``random_seed``, ``false_alarms_per_year`` and MLflow's addresses
        are read.
    study : Study
    questions : StudyQuestions
        Of the study's site.
    """

    engine: Engine
    settings: Settings
    study: Study
    questions: StudyQuestions

    def build(self, first_month: str, last_month: str, prices: Prices | None = None) -> YearReport:
        """
        Return the report on consecutive months, none of them stale.

        With prices it says which rule is the cheapest for them.

        Raises
        ------
        MissingDataError
            If a pair of these months was not tested.
        """
        with self.engine.connect() as connection:
            period = (self.study.study_id, first_month, last_month)
            months = read_months(connection, *period)
            refreshed = read_refreshed_months(connection, *period)
            refits = read_refits(connection, *period)
        answers = read_pairs(self.engine, *period)
        pairs = {pair: each.scores for pair, each in answers.items()}
        names = tuple(months)
        fresh = {name: pairs[name, name] for name in names if (name, name) in pairs}
        seeded = {"samples": self.settings.bootstrap_samples, "seed": self.settings.random_seed}
        alarms = StudyChecks(
            self.engine, self.settings, self.study.study_id, months, answers, self.questions
        ).alarms()
        curves = policy_curves(pairs, names, alarms, **seeded)
        within = {
            rule: _with_seconds(refresh_curve(rule, found, fresh, **seeded), months, found)
            for rule, found in refreshed.items()
            if tuple(found) == names
        }
        common_tags = within.pop(COMMON_TAGS, None)
        refreshes_common_tags = {
            rule: within.pop(name) for rule, name in REFRESHES_COMMON_TAGS.items() if name in within
        }
        policy, recommendation = recommend(curves, within)
        tests = loss_tests(pairs, names)
        explainer = PeriodExplainer(
            self.study.site, months, answers, self.questions, self._read_questions
        )
        return YearReport(
            site=self.study.site,
            candidate=self.study.candidate,
            months=names,
            window_months=self.study.window_months,
            figures=self._figures(months, answers, curves["monthly"]),
            matrices={metric: decay_matrix(pairs, metric) for metric in MATRICES},
            half_life=half_life(pairs) if len(names) > 1 else None,
            curves={
                name: replace(curve, seconds=_fit_seconds(months, curve))
                for name, curve in curves.items()
            },
            alarms=alarms,
            policy=policy,
            recommendation=recommendation,
            tests=tests,
            periods=tuple(explainer.explain(period) for period in find_drift_periods(tests)),
            refreshes=within,
            common_tags=common_tags,
            prices=prices,
            refreshes_common_tags=refreshes_common_tags,
            rare_tags_gains={
                rule: _rare_tags_gain(rule, refreshed, seeded)
                for rule in refreshes_common_tags
                if rule in within
            },
            refits=tuple(
                month_refits(
                    name,
                    fresh[name],
                    {day: refit.scores for day, refit in refits.get(name, {}).items()},
                )
                for name in names
            )
            if WEEKLY in within and _all_refitted(refreshed[WEEKLY], refits)
            else (),
        )

    def stale_months(self, first_month: str, last_month: str) -> list[ModelMonth]:
        """Return the months whose questions have changed since models were tested on them."""
        with self.engine.connect() as connection:
            months = read_months(connection, self.study.study_id, first_month, last_month)
        questions_of = {month: self.questions.of(month) for month in months}
        return [
            stored.model
            for month, stored in months.items()
            if (questions := questions_of[month]) is None
            or questions.test_id != stored.model.test_id
        ]

    def _figures(
        self,
        months: Mapping[str, StoredMonth],
        answers: Mapping[tuple[str, str], Answers],
        monthly: PolicyCurve,
    ) -> tuple[MonthFigures, ...]:
        """Return the figures of each month, oldest first."""
        stored = list(months.values())
        learned: list[tuple[str, ...]] = [()]
        for earlier, later in pairwise(stored):
            learned.append(tuple(sorted(set(later.vocabulary) - set(earlier.vocabulary))))
        # a month's share is known at its end, so it affects the next training
        needed = needs_new_vectors([each.model.unknown_words for each in stored])
        refreshed = (False, *needed[:-1])
        mlflow = self.settings.mlflow_page
        figures = []
        for position, each in enumerate(stored):
            month, fresh = each.model.month, answers[each.model.month, each.model.month]
            means = summarise(fresh.scores)
            figures.append(
                MonthFigures(
                    month=month,
                    question_count=len(fresh.scores),
                    vocabulary_size=len(each.vocabulary),
                    f1=monthly.f1[position],
                    low=monthly.low[position],
                    high=monthly.high[position],
                    coverage=means["coverage"],
                    ceiling=means["ceiling_all@5"],
                    unknown_words=each.model.unknown_words,
                    learned_tags=learned[position],
                    f1_without_learned=self._f1_without(each, fresh, learned[position]),
                    encoder_refreshed=refreshed[position],
                    run_url=run_url(mlflow, each.model.experiment_id, each.model.run_id),
                    fit=each.fit,
                )
            )
        return tuple(figures)

    def _f1_without(self, month: StoredMonth, fresh: Answers, learned: Sequence[str]) -> float:
        """Return F1@5 of the fresh model's suggestions without the tags in ``learned``."""
        excluded = frozenset(learned)
        questions = self.questions.of(month.model.month)
        assert questions is not None, "a month with a model has questions"
        scores: QuestionScores = score_questions(
            [[tag for tag in tags if tag not in excluded] for tags in fresh.suggested],
            questions.tags,
            set(month.vocabulary) - excluded,
        )
        return float(scores.f1_all(DEPTH).mean())

    def _read_questions(
        self, question_ids: Sequence[int], months: tuple[str, str]
    ) -> list[DisplayedQuestion]:
        with self.engine.connect() as connection:
            return read_displayed_questions(connection, self.study.site, question_ids, months)


def _all_refitted(
    weekly: Mapping[str, RefreshedMonth], refits: Mapping[str, Mapping[str, Refit]]
) -> bool:
    """Return whether the refits of every month are stored: an earlier release kept none."""
    return all(
        len(refits.get(month, {})) >= refreshed.trainings - 1 for month, refreshed in weekly.items()
    )


def _rare_tags_gain(
    rule: str,
    refreshed: Mapping[str, Mapping[str, RefreshedMonth]],
    seeded: Mapping[str, int],
) -> Gain:
    """Return what rare tags gain where models are refreshed by a rule."""
    with_rare = {month: found.scores for month, found in refreshed[rule].items()}
    name = REFRESHES_COMMON_TAGS[rule]
    curve = refresh_curve(
        name, refreshed[name], with_rare, samples=seeded["samples"], seed=seeded["seed"]
    )
    return Gain(curve.loss, curve.loss_low, curve.loss_high)


def _fit_seconds(months: Mapping[str, StoredMonth], curve: PolicyCurve) -> float:
    """Return the seconds of the fits of a curve's monthly models; NaN if one is not known."""
    fits = [months[model].fit for model in sorted(set(curve.models))]
    return sum(math.nan if fit is None else fit.seconds for fit in fits)


def _with_seconds(
    curve: PolicyCurve,
    months: Mapping[str, StoredMonth],
    refreshed: Mapping[str, RefreshedMonth],
) -> PolicyCurve:
    """Return a curve of refreshes with the seconds of all its fits."""
    seconds = sum(each.seconds for each in refreshed.values())
    if curve.policy not in WITHOUT_RARE_TAGS:
        seconds += _fit_seconds(months, curve)
    return replace(curve, seconds=seconds)
