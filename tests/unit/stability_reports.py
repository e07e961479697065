"""
Reports to show: a year like the real one of 2019, made of drawn scores and the real statistics.

A new framework arrives in June 2019: models that have not seen it lose coverage at once and more of
it later; the model trained after June has most of it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from include.evaluation.decay import decay_matrix, half_life, model_age
from include.evaluation.drift_periods import DriftPeriod, find_drift_periods, loss_tests
from include.evaluation.metrics import QuestionScores, summarise
from include.evaluation.policies import policy_curves, recommend
from include.evaluation.year import (
    Example,
    ExplainedPeriod,
    MonthFigures,
    MonthFit,
    SliceLoss,
    TagChange,
    WordChange,
    YearReport,
)
from include.months import months_between
from include.retraining import STUDIED

EVENT = "2019-06"
SAMPLES = 300


def year_report(
    first: str = "2019-01", last: str = "2019-12", questions: int = 500, quiet: bool = False
) -> YearReport:
    """Return a year with drift in June 2019, or, if quiet, one without any."""
    months = months_between(first, last)
    known = quiet_coverage if quiet else coverage
    pairs = {
        (model, test): drawn_scores(known(model, test), test, questions)
        for model in months
        for test in months
        if test >= model
    }
    alarms = () if quiet else tuple(month for month in (EVENT,) if month in months)
    curves = policy_curves(pairs, months, alarms, samples=SAMPLES, seed=1)
    policy, sentence = recommend(curves)
    tests = loss_tests(pairs, months)
    return YearReport(
        site="stackoverflow",
        candidate="tfidf",
        months=months,
        window_months=None,
        figures=tuple(month_figures(pairs, curves, month, months) for month in months),
        matrices={
            metric: decay_matrix(pairs, metric)
            for metric in ("f1_all@5", "coverage", "ceiling_all@5")
        },
        half_life=half_life(pairs) if len(months) > 1 else None,
        curves={policy: curves[policy] for policy in STUDIED},
        alarms=alarms,
        policy=policy,
        recommendation=sentence,
        tests=tests,
        periods=tuple(explained(period) for period in find_drift_periods(tests)),
    )


def coverage(model: str, test: str) -> float:
    """Return the share of true tags that a model knows: .9 until the event, .7 and less after."""
    age = model_age(model, test)
    if test >= EVENT and model <= EVENT:
        return 0.70 - 0.02 * model_age(EVENT, test)
    return 0.90 - 0.012 * age


def quiet_coverage(model: str, test: str) -> float:
    """Return a coverage that hardly falls."""
    return 0.90 - 0.0005 * model_age(model, test)


def drawn_scores(known: float, test: str, questions: int) -> QuestionScores:
    """Draw one model's scores on a month; all models meet the same questions and the same luck."""
    random = np.random.default_rng(int(test.replace("-", "")))
    true_count = random.integers(1, 5, size=questions)
    tag_luck = random.random((questions, 5))
    hit_luck = random.random((questions, 5))
    exists = np.arange(5) < true_count[:, None]
    reachable: NDArray[np.bool_] = exists & (tag_luck < known)
    found = reachable & (hit_luck < 0.78)
    return QuestionScores(found, true_count, reachable.sum(axis=1))


def month_figures(pairs, curves, month: str, months: tuple[str, ...]) -> MonthFigures:
    """Return one month's figures with made-up tags and words."""
    place = months.index(month)
    summary = summarise(pairs[month, month])
    after_event = month == "2019-07"
    learned = ("combine", "swiftui", "ios13", "xcode11", "rxjs6", "angular8", "rx-java3", "kotlin-flow",
               "flutter-bloc", "mapstruct") if after_event else (f"tag-{place}",) * (place > 0)  # fmt: skip
    return MonthFigures(
        month=month,
        question_count=len(pairs[month, month]),
        vocabulary_size=410 + 6 * place,
        f1=summary["f1_all@5"],
        low=curves["monthly"].low[place],
        high=curves["monthly"].high[place],
        coverage=summary["coverage"],
        ceiling=summary["ceiling_all@5"],
        unknown_words=0.031 + 0.02 * (month == EVENT),
        learned_tags=learned,
        f1_without_learned=summary["f1_all@5"] - (0.071 if after_event else 0.001 * len(learned)),
        encoder_refreshed=after_event,
        run_url=f"http://127.0.0.1:5000/#/experiments/3/runs/{place:032x}",
        fit=MonthFit(4_000 + 500 * place, 4_000 + 500 * place, "2018-01-01", "2018-12-31", 1.2),
    )


def explained(period: DriftPeriod) -> ExplainedPeriod:
    """Return a period with the causes that the real year has."""
    return ExplainedPeriod(
        period=period,
        sentence=(
            "F1@5 fell from 0.523 to 0.421: combine (0.0 % to 14.2 % of questions) and swiftui "
            "(0.0 % to 9.8 %) are new, and questions with new tags lost the most."
        ),
        new_tags=(
            TagChange("combine", 0.0, 0.142, False),
            TagChange("swiftui", 0.0, 0.098, False),
        ),
        moved_tags=(
            TagChange("rxjs6", 0.061, 0.104, True),
            TagChange("rxjs5", 0.083, 0.012, True),
            TagChange("rx-swift", 0.112, 0.071, True),
        ),
        risen_words=(
            WordChange("publisher", 0.011, 0.131, 11.4),
            WordChange("sink", 0.004, 0.082, 9.2),
            WordChange("@published", 0.0, 0.064, 8.7),
        ),
        fallen_words=(
            WordChange("observable", 0.412, 0.301, -6.3),
            WordChange("subscribe", 0.287, 0.221, -4.4),
        ),
        slices=(SliceLoss("new_tags", 0.331, 0.104, 84), SliceLoss("short", 0.502, 0.447, 131)),
        examples=(
            Example(
                56_628_254,
                "What's the difference between <T> and some View in SwiftUI & Combine?",
                "https://stackoverflow.com/q/56628254",
                "A. Person",
                "CC BY-SA 4.0",
                ("combine", "swiftui", "swift"),
                ("rx-swift", "swift", "ios", "reactive-programming", "rx-cocoa"),
            ),
            Example(
                56_812_001,
                "How to cancel a publisher when the view disappears?",
                "https://stackoverflow.com/q/56812001",
                None,
                "CC BY-SA 4.0",
                ("combine",),
                ("rxjs", "rx-java", "angular", "android", "kotlin"),
            ),
        ),
    )


def with_period(report: YearReport, change: Callable[[ExplainedPeriod], ExplainedPeriod]):
    """Return the report with every period changed."""
    return replace(report, periods=tuple(change(each) for each in report.periods))
