"""The months' own unrest: few months are not taken for the whole truth."""

import numpy as np
import pytest
from scipy import stats

from include.drift.calibration import calibrate_thresholds
from include.drift.samples import Observations, build_samples
from include.drift.signals import SIGNAL
from include.drift.variability import (
    BetweenMonthVariability,
    PastVocabulary,
    between_month_variability,
    consecutive_month_pairs,
    qn_scale,
    widened_distance,
)

LEVEL = 0.0033
"""Of one signal in one check, at one false alarm in two years over thirteen signals."""
BY_CHANCE = float(stats.norm.isf(LEVEL))


def observed(month, tags):
    count = len(tags)
    return {
        "months": [month] * count,
        "words": [["a"]] * count,
        "word_counts": [10.0] * count,
        "code_shares": [0.5] * count,
        "tags": tags,
    }


def put_together(*months):
    return Observations(**{key: [v for m in months for v in m[key]] for key in months[0]})


@pytest.mark.parametrize("count", [2, 3, 6, 9, 12, 17])
def test_robust_spread_is_right_on_average_for_few_values(count):
    draws = np.random.default_rng(count).normal(scale=3.0, size=(4000, count))

    assert np.mean([qn_scale(row) for row in draws]) == pytest.approx(3.0, rel=0.04)


def test_months_of_drift_among_the_others_hardly_move_the_spread():
    quiet = np.random.default_rng(1).normal(size=17)
    with_drift = np.append(quiet, [40.0, 60.0])

    assert qn_scale(with_drift) < 1.5 * qn_scale(quiet)


@pytest.mark.parametrize("restless", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [7, 12, 17])
def test_threshold_from_few_months_is_passed_no_more_often_than_asked(count, restless):
    """Many worlds whose months vary by more than chance; in each a few months are known."""
    true_spread = np.hypot(1.0, restless)
    worlds = np.random.default_rng(3).normal(scale=true_spread, size=(4000, count))

    passed = [
        stats.norm.sf(max(BY_CHANCE, max(0.0, u.centre) + widened_distance(BY_CHANCE, 1.0, u, LEVEL)), 0, true_spread)
        for u in map(between_month_variability, worlds)
    ]  # fmt: skip

    assert np.mean(passed) < 1.5 * LEVEL


def test_taking_the_estimate_for_the_truth_would_be_passed_twice_as_often():
    worlds = np.random.default_rng(3).normal(scale=np.sqrt(2), size=(4000, 7))

    passed = [
        stats.norm.sf(max(u.centre, 0) + BY_CHANCE * max(u.spread, 1), 0, np.sqrt(2))
        for u in map(between_month_variability, worlds)
    ]

    assert np.mean(passed) > 2 * LEVEL


def test_more_months_known_make_the_threshold_tighter():
    few, many = (
        widened_distance(BY_CHANCE, 1.0, BetweenMonthVariability(0.0, 2.0, count), LEVEL)
        for count in (6, 18)
    )

    assert many < few


def test_month_is_out_of_reach_of_a_model_that_learned_the_months_before_it():
    months = [observed(f"2023-0{i}", [["old"]] * 4) for i in range(1, 4)]
    months.append(observed("2023-04", [["old", "new"]] * 4))
    months.append(observed("2023-05", [["old", "new"]] * 4))
    (past,) = build_samples(put_together(*months))
    known = PastVocabulary({}, min_tag_count=3)

    pairs = consecutive_month_pairs(past, 1, 4, np.random.default_rng(0), known)
    read = [SIGNAL["unreachable"].value(*pair) for pair in pairs]

    # 2023-02, -03, -04 (half of its tag uses are new), -05 (learned by then)
    assert read == [0.0, 0.0, 0.5, 0.0]


def test_tags_used_before_the_history_are_within_reach():
    months = [observed(f"2023-0{i}", [["rare"]]) for i in range(1, 4)]
    (past,) = build_samples(put_together(*months))

    def out_of_reach(earlier):
        known = PastVocabulary(earlier, min_tag_count=5)
        pairs = consecutive_month_pairs(past, 1, 1, np.random.default_rng(0), known)
        return [float(month.unreachable.sum()) for _, month in pairs]

    assert out_of_reach({}) == [1.0, 1.0]
    assert out_of_reach({"rare": 5}) == [0.0, 0.0]


def test_suggested_tags_are_as_restless_as_the_tags_where_nothing_else_is_known():
    generator = np.random.default_rng(7)
    names = np.array([f"t{i}" for i in range(12)])

    def month(number):
        """Each month has favourites of its own."""
        popularity = generator.dirichlet(np.full(12, 3.0))
        tags = [list(generator.choice(names, 2, replace=False, p=popularity)) for _ in range(80)]
        return observed(f"2023-{number:02d}", tags)

    months = [month(number) for number in range(1, 12)]
    answered = put_together(*months[-2:])
    answered = Observations(
        **{field: getattr(answered, field) for field in months[0]},
        suggested=[[(tag, 0.5) for tag in row] for row in answered.tags],
    )
    reference, past = build_samples(answered, put_together(*months))
    signals = [SIGNAL["predicted_tags"]]

    alone, lent = (
        calibrate_thresholds(
            reference, 80, false_alarms_per_year=0.5, draws=100, signals=signals, history=h
        )
        for h in (None, past)
    )

    assert list(lent.null_distributions) == ["predicted_tags"]
    assert alone.null_distributions["predicted_tags"].month_scale is None
    assert lent.thresholds["predicted_tags"] > 2 * alone.thresholds["predicted_tags"]
