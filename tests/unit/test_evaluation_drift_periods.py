import numpy as np
import pytest

from include.evaluation.drift_periods import find_drift_periods, loss_tests
from include.evaluation.metrics import QuestionScores
from include.months import months_between

MONTHS = months_between("2019-01", "2019-12")


def drawn(random: np.random.Generator, hit_share: float, questions: int = 300) -> QuestionScores:
    found = np.zeros((questions, 5), dtype=bool)
    found[:, 0] = random.random(questions) < hit_share
    ones = np.ones(questions, dtype=np.int64)
    return QuestionScores(found, ones, ones)


def year(fresh, frozen, seed=0):
    random = np.random.default_rng(seed)
    pairs = {}
    for month in MONTHS:
        pairs[month, month] = drawn(random, fresh(month))
        if month != MONTHS[0]:
            pairs[MONTHS[0], month] = drawn(random, frozen(month))
    return pairs


def test_quiet_years_have_no_period():
    quiet = [
        find_drift_periods(loss_tests(year(lambda m: 0.8, lambda m: 0.8, seed), MONTHS))
        for seed in range(20)
    ]

    assert sum(map(len, quiet)) <= 1


def test_sudden_fall_of_the_fresh_model_is_one_month():
    pairs = year(lambda m: 0.4 if m == "2019-06" else 0.8, lambda m: 0.8)

    fresh = [p for p in find_drift_periods(loss_tests(pairs, MONTHS)) if p.kind == "fresh"]
    assert [(p.first, p.last) for p in fresh] == [("2019-06", "2019-06")]
    assert fresh[0].loss == pytest.approx(0.4 / 3, abs=0.04)


def test_ageing_of_the_frozen_model_is_one_period_to_the_end():
    pairs = year(lambda m: 0.8, lambda m: 0.8 if m < "2019-06" else 0.3)

    frozen = [p for p in find_drift_periods(loss_tests(pairs, MONTHS)) if p.kind == "frozen"]
    assert [(p.first, p.last) for p in frozen] == [("2019-06", "2019-12")]


def test_month_without_pairs_is_left_out():
    pairs = year(lambda m: 0.8, lambda m: 0.8)
    del pairs["2019-05", "2019-05"], pairs["2019-01", "2019-05"]

    assert "2019-05" not in {test.month for test in loss_tests(pairs, MONTHS)}
