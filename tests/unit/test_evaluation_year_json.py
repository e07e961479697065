import json
import math

import numpy as np
import pytest

from include.errors import FixInputError
from include.evaluation.decay import decay_matrix, half_life
from include.evaluation.drift_periods import DriftPeriod, loss_tests
from include.evaluation.metrics import QuestionScores
from include.evaluation.policies import policy_curves
from include.evaluation.refits import MonthRefits
from include.evaluation.refreshes import Gain
from include.evaluation.schedules import Prices
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
from include.evaluation.year_json import from_plain, to_json

MONTHS = ("2019-01", "2019-02")


def scores(seed):
    random = np.random.default_rng(seed)
    found = random.random((40, 5)) < 0.2
    return QuestionScores(found, np.full(40, 3), np.full(40, 2))


@pytest.fixture
def report():
    pairs = {
        (model, test): scores(place)
        for place, (model, test) in enumerate(
            [(MONTHS[0], MONTHS[0]), (MONTHS[0], MONTHS[1]), (MONTHS[1], MONTHS[1])]
        )
    }
    line = MonthFigures(
        month="2019-01",
        question_count=40,
        vocabulary_size=7,
        f1=1 / 3,
        low=0.1 + 0.2,
        high=math.inf,
        coverage=math.nan,
        ceiling=1e-17,
        unknown_words=0.1,
        learned_tags=("ä", "b"),
        f1_without_learned=0.0,
        encoder_refreshed=True,
        run_url="http://mlflow/#/x",
        fit=MonthFit(40, 60, "2018-01-02", "2018-12-31"),
    )
    explained = ExplainedPeriod(
        period=DriftPeriod("fresh", "2019-01", "2019-02", 0.1),
        sentence="It fell.",
        new_tags=(TagChange("combine", 0.0, 0.2, known=False),),
        moved_tags=(),
        risen_words=(WordChange("sink", 0.0, 0.1, 4.5),),
        fallen_words=(),
        slices=(SliceLoss("short", 0.5, 0.4, 12),),
        examples=(Example(7, "Why?", "https://x/q/7", None, "CC BY-SA 4.0", ("a",), ("b", "c")),),
    )
    return YearReport(
        site="site",
        candidate="tfidf",
        months=MONTHS,
        window_months=None,
        figures=(line,),
        matrices={"f1_all@5": decay_matrix(pairs)},
        half_life=half_life(pairs),
        curves=policy_curves(pairs, MONTHS, (), samples=100, seed=1),
        alarms=("2019-02",),
        policy="monthly",
        recommendation="Retrain.",
        tests=loss_tests(pairs, MONTHS),
        periods=(explained,),
        prices=Prices(2.0, 0.5),
        rare_tags_gains={"weekly": Gain(0.01, -0.002, 0.03)},
        refits=(
            MonthRefits("2019-01", ("2019-01-08",), (9, 31), ((1 / 3, 0.2), (math.nan, 0.4))),
            MonthRefits("2019-02", (), (40,), ((0.3,),)),
        ),
    )


def same(one, other):
    """Whether two reports have the same values: NaN equals NaN, arrays by their items."""
    return repr(one) == repr(other)


def test_report_comes_back_to_the_last_digit(report):
    assert same(from_plain(json.loads(to_json(report))), report)


def test_text_is_plain_json_without_nan(report):
    plain = json.loads(to_json(report), parse_constant=lambda name: pytest.fail(name))

    assert plain["figures"][0]["coverage"] is None
    assert plain["figures"][0]["high"] == "inf"
    assert plain["matrices"]["f1_all@5"]["values"][1][0] is None


def test_absent_half_life_comes_back_absent(report):
    text = to_json(report)
    plain = json.loads(text) | {"half_life": None}

    assert from_plain(plain).half_life is None


@pytest.mark.parametrize("values", [[], {}, {"site": "x"}])
def test_something_else_is_refused(values):
    with pytest.raises(FixInputError, match="not a stability report"):
        from_plain(values)


def test_report_of_an_earlier_release_has_no_interval_of_other_years(report):
    values = json.loads(to_json(report))
    for curve in values["curves"].values():
        del curve["other_low"], curve["other_high"]

    curves = from_plain(values).curves.values()

    assert all(math.isnan(curve.other_high) and not curve.known for curve in curves)
