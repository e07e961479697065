"""Between-month variability: the uncertainty of an estimate from few months widens thresholds."""

import numpy as np
import pytest
from scipy import stats

from include.candidates.base import MAX_TAGS_WITH_RARE
from include.drift.calibration import calibrate_thresholds
from include.drift.samples import Observations, build_samples
from include.drift.signal_catalogue import SIGNAL
from include.drift.variability import (
    BetweenMonthVariability,
    PastVocabulary,
    assumed_variability,
    between_month_variability,
    consecutive_month_pairs,
    month_scale,
    qn_scale,
    trimmed_scale,
    widened_distance,
)

LEVEL = 0.0033
"""Of one signal in one check, at one false alarm in two years over thirteen signals."""
SAMPLING_THRESHOLD = float(stats.norm.isf(LEVEL))


def observed(month, tags):
    count = len(tags)
    return {
        "months": [month] * count,
        "words": [["a"]] * count,
        "word_counts": [10.0] * count,
        "code_shares": [0.5] * count,
        "tags": tags,
    }


def concatenated(*months):
    return Observations(**{key: [v for m in months for v in m[key]] for key in months[0]})


@pytest.mark.parametrize("count", [2, 3, 6, 9, 12, 17])
def test_qn_scale_is_unbiased_for_few_values(count):
    draws = np.random.default_rng(count).normal(scale=3.0, size=(4000, count))

    assert np.mean([qn_scale(row) for row in draws]) == pytest.approx(3.0, rel=0.04)


def test_few_months_of_drift_hardly_change_the_scale():
    quiet = np.random.default_rng(1).normal(size=17)
    with_drift = np.append(quiet, [40.0, 60.0])

    assert qn_scale(with_drift) < 1.5 * qn_scale(quiet)


@pytest.mark.parametrize("month_std", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [7, 12, 17])
def test_threshold_from_few_months_holds_the_false_alarm_rate(count, month_std):
    """Simulated months vary by more than sampling; each estimate uses a few of them."""
    true_std = np.hypot(1.0, month_std)
    simulations = np.random.default_rng(3).normal(scale=true_std, size=(4000, count))

    passed = [
        stats.norm.sf(max(SAMPLING_THRESHOLD, max(0.0, u.location) + widened_distance(SAMPLING_THRESHOLD, 1.0, u, LEVEL)), 0, true_std)
        for u in map(between_month_variability, simulations)
    ]  # fmt: skip

    assert np.mean(passed) < 1.5 * LEVEL


@pytest.mark.parametrize("month_std", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("count", [4, 5, 8, 12])
def test_months_hold_the_false_alarm_rate_also_with_little_history(count, month_std):
    true_std = np.hypot(1.0, month_std)
    simulations = np.random.default_rng(4).normal(scale=true_std, size=(4000, count))

    passed = [
        stats.norm.sf(max(0.0, u.location) + widened_distance(SAMPLING_THRESHOLD, 1.0, u, LEVEL, LEVEL), 0, true_std)
        for u in map(between_month_variability, simulations)
    ]  # fmt: skip

    assert np.mean(passed) < 1.3 * LEVEL


def test_months_of_two_kinds_do_not_shrink_the_scale():
    values = np.array([1.0] * 9 + [6.0] * 3) + np.random.default_rng(2).normal(scale=0.1, size=12)

    assert month_scale(values) > 2 * qn_scale(values)


def test_one_month_of_drift_hardly_changes_the_scale():
    quiet = np.random.default_rng(1).normal(size=12)

    assert month_scale(np.append(quiet, 40.0)) < 1.5 * month_scale(quiet)


@pytest.mark.parametrize("count", range(6, 13))
def test_scale_without_the_largest_value_is_not_too_small_on_average(count):
    draws = np.random.default_rng(count).normal(size=(20_000, count))

    assert np.mean([trimmed_scale(row) for row in draws]) >= 1.0


def test_signal_on_answers_varies_over_months_although_none_are_known():
    known = np.array([0.0, 0.1, -0.1, 0.05, -0.05])

    assumed = assumed_variability(0.01, 0.1, np.array([]))
    with_months = assumed_variability(0.01, 0.1, known)

    assert (assumed.location, assumed.scale) == (0.01, pytest.approx(0.2))
    assert with_months.scale < assumed.scale
    assert with_months.degrees_of_freedom > assumed.degrees_of_freedom


def test_ignoring_the_uncertainty_of_the_estimate_doubles_false_alarms():
    simulations = np.random.default_rng(3).normal(scale=np.sqrt(2), size=(4000, 7))

    passed = [
        stats.norm.sf(
            max(np.median(values), 0) + SAMPLING_THRESHOLD * max(qn_scale(values), 1), 0, np.sqrt(2)
        )
        for values in simulations
    ]

    assert np.mean(passed) > 2 * LEVEL


def test_more_months_make_the_threshold_lower():
    few, many = (
        widened_distance(
            SAMPLING_THRESHOLD,
            1.0,
            BetweenMonthVariability(0.0, 2.0, count, count / 2),
            LEVEL,
            LEVEL,
        )
        for count in (6, 18)
    )

    assert many < few


def test_distance_is_in_units_of_the_signal():
    one, thousand = (
        widened_distance(
            SAMPLING_THRESHOLD, unit, BetweenMonthVariability(0.0, 2.0 * unit, 8, 4.0), LEVEL, LEVEL
        )
        for unit in (1.0, 1000.0)
    )

    assert thousand == pytest.approx(1000 * one)


def test_pairs_count_tags_outside_the_vocabulary_of_the_months_before():
    months = [observed(f"2023-0{i}", [["old"]] * 4) for i in range(1, 4)]
    months.append(observed("2023-04", [["old", "new"]] * 4))
    months.append(observed("2023-05", [["old", "new"]] * 4))
    (past,) = build_samples(concatenated(*months))
    known = PastVocabulary({}, min_tag_count=3)

    pairs = consecutive_month_pairs(past, 1, 4, np.random.default_rng(0), known)
    read = [SIGNAL["unreachable"].value(*pair) for pair in pairs]

    # 2023-02, -03, -04 (half of its tag uses are new), -05 (trained on by then)
    assert read == [0.0, 0.0, 0.5, 0.0]


def test_tags_used_before_the_history_are_in_the_vocabulary():
    months = [observed(f"2023-0{i}", [["rare"]]) for i in range(1, 4)]
    (past,) = build_samples(concatenated(*months))

    def outside_vocabulary(earlier):
        known = PastVocabulary(earlier, min_tag_count=5)
        pairs = consecutive_month_pairs(past, 1, 1, np.random.default_rng(0), known)
        return [float(month.unreachable.sum()) for _, month in pairs]

    assert outside_vocabulary({}) == [1.0, 1.0]
    assert outside_vocabulary({"rare": 5}) == [0.0, 0.0]


def test_rare_tags_of_a_large_site_are_outside_the_vocabulary():
    months = [observed(f"2023-0{i}", [["rare"]]) for i in range(1, 4)]
    (past,) = build_samples(concatenated(*months))
    large = {f"tag-{number}": 9 for number in range(MAX_TAGS_WITH_RARE)}

    def outside_vocabulary(earlier):
        known = PastVocabulary(earlier, min_tag_count=1)
        pairs = consecutive_month_pairs(past, 1, 1, np.random.default_rng(0), known)
        return [float(month.unreachable.sum()) for _, month in pairs]

    assert outside_vocabulary({}) == [0.0, 0.0]
    assert outside_vocabulary(large) == [1.0, 1.0]


def test_suggested_tags_take_the_variability_of_their_proxy():
    generator = np.random.default_rng(7)
    names = np.array([f"t{i}" for i in range(12)])

    def month(number):
        """Each month has a tag distribution of its own."""
        popularity = generator.dirichlet(np.full(12, 3.0))
        tags = [list(generator.choice(names, 2, replace=False, p=popularity)) for _ in range(80)]
        return observed(f"2023-{number:02d}", tags)

    months = [month(number) for number in range(1, 12)]
    answered = concatenated(*months[-2:])
    answered = Observations(
        **{field: getattr(answered, field) for field in months[0]},
        suggested=[[(tag, 0.5) for tag in row] for row in answered.tags],
    )
    reference, past = build_samples(answered, concatenated(*months))
    signals = [SIGNAL["predicted_tags"]]

    without_proxy, with_proxy = (
        calibrate_thresholds(
            reference, 80, false_alarms_per_year=0.5, draws=100, signals=signals, history=h
        )
        for h in (None, past)
    )

    assert list(with_proxy.null_distributions) == ["predicted_tags"]
    assert without_proxy.null_distributions["predicted_tags"].month_scale is None
    assert with_proxy.thresholds["predicted_tags"] > 2 * without_proxy.thresholds["predicted_tags"]
