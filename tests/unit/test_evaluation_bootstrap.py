import numpy as np
import pytest

from include.errors import FixInputError
from include.evaluation.bootstrap import (
    bootstrap_means,
    mean_interval,
    paired_difference,
    percentile_interval,
)

SEED = 7


def test_mean_is_of_the_data_not_of_the_resamples():
    assert mean_interval(np.array([0.0, 1.0, 0.5]), samples=100, seed=SEED).mean == 0.5


def test_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random(50)
    assert mean_interval(values, samples=500, seed=1) == mean_interval(values, samples=500, seed=1)


def test_equal_models_differ_by_exactly_nothing():
    values = np.random.default_rng(0).random(50)
    difference = paired_difference(values, values, samples=500, seed=SEED)
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)
    assert difference.share_above_zero == 0.5


def test_steady_small_gain_is_significant_though_questions_vary_much():
    hard = np.random.default_rng(0).random(200)
    difference = paired_difference(hard + 0.01, hard, samples=500, seed=SEED)
    assert difference.low == pytest.approx(0.01)
    assert difference.share_above_zero == 1


def test_interval_is_as_wide_as_theory_says():
    values = (np.arange(400) % 2).astype(float)  # standard error 0.025
    interval = mean_interval(values, samples=20_000, seed=SEED)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 0.025, rel=0.05)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        values = rng.choice([0.0, 0.2, 0.5, 1.0], size=80, p=[0.4, 0.2, 0.2, 0.2])
        interval = mean_interval(values, samples=400, seed=trial)
        covered += interval.low <= 0.34 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_more_distinct_values_than_fit_at_once_are_resampled_in_parts():
    values = np.random.default_rng(0).random(50_000)
    interval = mean_interval(values, samples=200, seed=SEED)
    assert interval.low < interval.mean < interval.high


def test_different_questions_are_refused():
    with pytest.raises(FixInputError, match="not the same questions: 2 and 3"):
        paired_difference(np.zeros(2), np.zeros(3), samples=100, seed=SEED)


def test_nothing_to_resample_is_refused():
    with pytest.raises(FixInputError, match="no questions"):
        mean_interval(np.array([]), samples=100, seed=SEED)


def test_score_that_is_not_a_number_is_refused():
    with pytest.raises(FixInputError, match="not a number"):
        mean_interval(np.array([0.1, np.nan]), samples=100, seed=SEED)


def test_all_models_get_the_same_resamples():
    scores = np.random.default_rng(0).random(40)
    means = bootstrap_means(np.stack([scores, scores + 0.25]), 300, np.random.default_rng(1))
    np.testing.assert_allclose(means[1] - means[0], 0.25)


def test_resampled_means_of_several_models_vary_as_those_of_one():
    rows = np.round(np.random.default_rng(0).random((3, 400)), 1)
    means = bootstrap_means(rows, 4_000, np.random.default_rng(1))
    np.testing.assert_allclose(means.mean(axis=1), rows.mean(axis=1), atol=0.002)
    np.testing.assert_allclose(means.std(axis=1), rows.std(axis=1) / 20, rtol=0.06)


def test_interval_of_infinite_draws_is_made_of_draws():
    draws = np.array([1.0, 2.0, np.inf, np.inf])
    assert percentile_interval(draws) == (1.0, np.inf)
