"""The statistics behind the signals, against values worked out by hand or by another library."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from include.drift.statistics import (
    benjamini_hochberg,
    jensen_shannon_parts,
    kolmogorov_smirnov,
    log_odds,
    merge_rare,
    reliability_shift,
    welch_interval,
)


def test_kolmogorov_smirnov_is_what_scipy_says():
    generator = np.random.default_rng(1)
    before, after = generator.normal(size=80), generator.normal(0.4, size=50).round(1)

    assert kolmogorov_smirnov(before, after) == pytest.approx(
        stats.ks_2samp(before, after).statistic
    )


def test_kolmogorov_smirnov_of_nothing_is_zero():
    assert kolmogorov_smirnov(np.array([]), np.array([1.0])) == 0.0


def test_jensen_shannon_parts_sum_to_what_scipy_says():
    before, after = np.array([5.0, 3.0, 0.0, 2.0]), np.array([1.0, 3.0, 4.0, 2.0])

    whole = jensen_shannon_parts(before, after).sum()

    assert whole == pytest.approx(jensenshannon(before, after, base=2) ** 2)


def test_jensen_shannon_of_disjoint_counts_is_one_bit():
    assert jensen_shannon_parts(np.array([3.0, 0.0]), np.array([0.0, 9.0])).sum() == pytest.approx(
        1
    )


def test_rare_categories_are_counted_together():
    before, after, kept = merge_rare(np.array([6.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0]), 5)

    assert (before.tolist(), after.tolist(), kept.tolist()) == ([6.0, 2.0], [0.0, 1.0], [0])


def test_log_odds_follow_the_formula_of_fightin_words():
    before, after = np.array([10.0, 30.0]), np.array([15.0, 5.0])
    # By hand: pooled shares 25/60 and 35/60, prior weight 20, so priors 8.3333 and 11.6667.
    a, b = 25 / 60 * 20, 35 / 60 * 20
    delta = np.log((15 + a) / (5 + b)) - np.log((10 + a) / (30 + b))
    expected = delta / np.sqrt(1 / (15 + a) + 1 / (10 + a))

    assert log_odds(before, after)[0] == pytest.approx(expected)


def test_log_odds_are_zero_where_shares_are_the_same():
    assert log_odds(np.array([10.0, 30.0]), np.array([1.0, 3.0])) == pytest.approx([0, 0])


def test_a_new_word_used_often_outweighs_one_used_once():
    before = np.array([500.0, 400.0, 0.0, 0.0])
    after = np.array([50.0, 40.0, 12.0, 1.0])

    z = log_odds(before, after)

    assert z[2] > 4
    assert z[3] < 1.5


def test_benjamini_hochberg_of_nothing_is_nothing():
    assert len(benjamini_hochberg(np.array([]))) == 0


def test_reliability_compares_suggestions_of_similar_scores():
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    before = np.array([False, False, True, True])
    after = np.array([False, False, True, False])

    weight, rate_before, rate_after = reliability_shift(scores, before, scores, after, bins=2)

    assert weight.tolist() == [0.5, 0.5]
    assert rate_before.tolist() == [0.0, 1.0]
    assert rate_after.tolist() == [0.0, 0.5]


def test_reliability_gives_no_weight_to_scores_never_seen_before():
    weight, _, _ = reliability_shift(
        np.array([0.5, 0.5]), np.array([True, True]), np.array([0.1]), np.array([False]), bins=2
    )

    assert weight.tolist() == [0.0, 0.0]


def test_interval_holds_the_difference():
    before, after = (
        np.full(50, 0.6) + np.tile([0.1, -0.1], 25),
        np.full(50, 0.4) + np.tile([0.1, -0.1], 25),
    )

    low, high = welch_interval(before, after)

    assert 0.15 < low < 0.2 < high < 0.25
