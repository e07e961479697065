from dataclasses import replace

import numpy as np
import pytest

from include.errors import FixInputError, MissingDataError
from include.evaluation.decay import decay_matrix, half_life, model_age
from include.evaluation.metrics import QuestionScores
from include.evaluation.other_years import loss_in_other_years
from include.evaluation.policies import models_in_use, policy_curves, recommend
from include.months import months_between
from tests.benchmarks.simulated_years import monthly_changes, monthly_models

MONTHS = months_between("2019-01", "2019-12")


def scores_with(hit_share: float, questions: int = 400) -> QuestionScores:
    """Questions with one reachable tag each, found first for the given share of them."""
    found = np.zeros((questions, 5), dtype=bool)
    found[: round(hit_share * questions), 0] = True
    ones = np.ones(questions, dtype=np.int64)
    return QuestionScores(found, ones, ones)


def decaying(half_life_months: float, months=MONTHS) -> dict:
    """Every pair of months, where a model loses half of its hits in so many months."""
    return {
        (model, test): scores_with(0.9 * 2 ** (-model_age(model, test) / half_life_months))
        for model in months
        for test in months
        if test >= model
    }


def test_matrix_has_nothing_below_its_diagonal():
    matrix = decay_matrix(decaying(6))

    assert np.isnan(matrix.values[np.tril_indices(12, -1)]).all()
    assert not np.isnan(matrix.values[np.triu_indices(12)]).any()


def test_matrix_refuses_a_model_tested_on_a_training_month():
    with pytest.raises(FixInputError, match="2019-02"):
        decay_matrix({("2019-02", "2019-01"): scores_with(0.5)})


@pytest.mark.parametrize("truth", [3.0, 8.0, 24.0])
def test_half_life_is_recovered(truth):
    found = half_life(decaying(truth))

    assert found.months == pytest.approx(truth, rel=0.05)
    assert found.low <= truth * 1.05
    assert found.high >= truth * 0.95


def test_model_that_does_not_age_never_halves():
    assert half_life(decaying(float("inf"))).months == float("inf")


def test_half_life_needs_an_age():
    with pytest.raises(FixInputError, match="age"):
        half_life({("2019-01", "2019-01"): scores_with(0.5)})


def study(random: np.random.Generator, decays: np.ndarray, questions: int = 120):
    return monthly_models(random, MONTHS[: len(decays)], decays, questions)


@pytest.mark.parametrize("world", ["equal", "shocks"])
def test_interval_holds_the_half_life_in_nine_of_ten_years(world):
    random = np.random.default_rng(3)
    truth, years = 12.0, 60
    held = 0
    for _ in range(years):
        found = half_life(study(random, monthly_changes(random, world, 1 / truth, 12)))
        held += found.low <= truth <= found.high

    assert held >= 0.9 * years


def test_one_shock_in_a_year_leaves_no_decay_and_fast_decay_possible():
    decays = np.zeros(12)
    decays[6] = 0.5

    found = half_life(study(np.random.default_rng(0), decays, 1000))

    assert found.high == float("inf")
    assert found.low < 6


def test_two_months_leave_everything_open():
    found = half_life(decaying(6, MONTHS[:2]))

    assert found.months == pytest.approx(6, rel=0.1)
    assert found.high == float("inf")
    assert found.low < 3


def test_a_month_that_was_not_tested_leaves_the_others_to_tell():
    pairs = {pair: scores for pair, scores in decaying(6).items() if "2019-05" not in pair}

    assert half_life(pairs).months == pytest.approx(6, rel=0.05)


def test_monthly_policy_uses_the_fresh_model_every_month():
    assert models_in_use("monthly", MONTHS) == MONTHS


def test_alarm_gives_the_next_month_the_new_model():
    used = models_in_use("on_drift", MONTHS, {"2019-06"})

    assert used[5] == "2019-01"
    assert set(used[6:]) == {"2019-07"}


def test_curves_count_the_trainings_of_each_policy():
    curves = policy_curves(decaying(6), MONTHS, {"2019-06"}, samples=200, seed=1)

    assert {name: curve.trainings for name, curve in curves.items()} == {
        "frozen": 1,
        "quarterly": 4,
        "on_drift": 2,
        "monthly": 12,
    }


def test_frozen_model_loses_what_decay_takes():
    curves = policy_curves(decaying(6), MONTHS, (), samples=200, seed=1)

    fresh = curves["monthly"].mean
    aged = fresh * np.mean([2 ** (-age / 6) for age in range(12)])
    assert curves["frozen"].loss == pytest.approx(fresh - aged, abs=0.005)
    assert curves["frozen"].loss_low < curves["frozen"].loss < curves["frozen"].loss_high


@pytest.mark.parametrize("policy", ["frozen", "quarterly", "on_drift"])
@pytest.mark.parametrize("world", ["equal", "shocks"])
def test_interval_of_other_years_holds_the_expected_loss_in_nine_of_ten(world, policy):
    random = np.random.default_rng(7)
    half_life_months, hits = 12.0, 0.5

    def year() -> np.ndarray:
        return monthly_changes(random, world, 1 / half_life_months, 12)

    def used(decays: np.ndarray) -> tuple[str, ...]:
        alarms = {MONTHS[at] for at in np.flatnonzero(decays > 0.15)}
        return models_in_use(policy, MONTHS, alarms)

    def loss(decays: np.ndarray) -> float:
        lost = np.cumsum(decays)
        left = [
            2 ** (lost[MONTHS.index(model)] - lost[at]) for at, model in enumerate(used(decays))
        ]
        return float(np.mean([2 * hits / 6 * (1 - share) for share in left]))

    truth = np.mean([loss(year()) for _ in range(2_000)])
    held, years = 0, 40
    for _ in range(years):
        decays = year()
        pairs = study(random, decays)
        low, high = loss_in_other_years(
            pairs, MONTHS, used(decays), np.full(12, 1 / 12), on_drift=policy == "on_drift"
        )
        held += low <= truth <= high
    assert held >= 0.9 * years


@pytest.mark.parametrize("policy", ["frozen", "quarterly"])
def test_interval_of_other_years_tells_steady_decay_from_none(policy):
    curve = policy_curves(decaying(12), MONTHS, (), samples=100, seed=1)[policy]
    assert 0 < curve.other_low < curve.loss < curve.other_high < 4 * curve.loss
    assert curve.known


def test_few_months_cannot_tell_what_a_policy_loses_in_other_years():
    months = MONTHS[:2]
    curves = policy_curves(decaying(6, months), months, (), samples=100, seed=1)
    assert curves["frozen"].other_high == float("inf")
    assert not curves["frozen"].known


def test_monthly_retraining_loses_nothing_in_any_year():
    curves = policy_curves(decaying(6), MONTHS, (), samples=100, seed=1)
    assert (curves["monthly"].other_low, curves["monthly"].other_high) == (0, 0)


def test_missing_pair_is_named():
    pairs = decaying(6)
    del pairs["2019-01", "2019-09"]

    with pytest.raises(MissingDataError, match=r"2019-01.*2019-09"):
        policy_curves(pairs, MONTHS, (), samples=100, seed=1)


def test_without_decay_the_policy_is_not_to_retrain():
    curves = policy_curves(decaying(float("inf")), MONTHS, (), samples=200, seed=1)

    policy, sentence = recommend(curves)
    assert policy == "frozen"
    assert "In another year it may lose up to" in sentence


def test_under_fast_decay_the_policy_is_monthly():
    curves = policy_curves(decaying(4), MONTHS, {"2019-06"}, samples=200, seed=1)

    assert recommend(curves)[0] == "monthly"


def test_one_break_is_answered_by_retraining_on_drift():
    pairs = {
        (model, test): scores_with(0.3 if model <= "2019-06" < test else 0.8)
        for model in MONTHS
        for test in MONTHS
        if test >= model
    }
    # seen in July, answered from August
    curves = policy_curves(pairs, MONTHS, {"2019-06"}, samples=200, seed=1)

    policy, sentence = recommend(curves)
    assert policy == "on_drift"
    assert "2 trainings instead of 12" in sentence


def test_one_month_recommends_nothing():
    curves = policy_curves(decaying(6, MONTHS[:1]), MONTHS[:1], (), samples=50, seed=1)

    policy, sentence = recommend(curves)

    assert policy == "monthly"
    assert sentence.startswith("One month is not enough")


def refreshed(gain: float, low: float, high: float, trainings: int = 52):
    """Weekly refreshes that gain so much over the monthly models of a year."""
    monthly = policy_curves(decaying(6), MONTHS, (), samples=100, seed=1)["monthly"]
    return replace(
        monthly, policy="weekly", trainings=trainings, mean=monthly.mean + gain,
        loss=-gain, loss_low=-high, loss_high=-low,
    )  # fmt: skip


def test_refreshes_are_recommended_that_surely_gain_more_than_may_be_lost():
    curves = policy_curves(decaying(60), MONTHS, (), samples=100, seed=1)

    policy, sentence = recommend(curves, {"weekly": refreshed(0.03, 0.02, 0.04)})

    assert policy == "weekly"
    assert sentence.startswith(
        "Retrain every month, refreshed every week: 52 trainings instead of 12 gain 0.030 [0.020, "
    )


def test_refreshes_that_may_gain_little_are_told_and_not_recommended():
    curves = policy_curves(decaying(6), MONTHS, (), samples=100, seed=1)

    policy, sentence = recommend(curves, {"weekly": refreshed(0.012, 0.004, 0.02)})

    assert policy == recommend(curves)[0] == "monthly"
    assert sentence.endswith(
        "gain 0.012 [0.004, 0.020] over retraining every month, not surely more than 0.01."
    )
