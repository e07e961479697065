import math

import numpy as np
import pytest

from include.evaluation.ab_verdict import Comparison, sequential_verdict
from include.evaluation.sequential import (
    AnytimeInterval,
    SampleRatio,
    StoppingRule,
    aipw_gains,
    confidence_sequence,
    sample_ratio_test,
)

SOUND = SampleRatio(500, 500, 0.1, 1.0)


def f1_differences(rng, gain, size):
    """Differences of two F1@5 as they are: few distinct values, most of them 0."""
    values = rng.choice([-0.4, -0.2, 0.0, 0.2, 0.4], p=[0.05, 0.15, 0.6, 0.15, 0.05], size=size)
    return values + gain


def test_interval_narrows_and_holds_the_mean():
    rng = np.random.default_rng(1)
    values = f1_differences(rng, 0.05, 4000)

    early, late = (confidence_sequence(values[:n], StoppingRule()) for n in (200, 4000))

    assert early.lower < 0.05 < early.upper
    assert late.upper - late.lower < (early.upper - early.lower) / 2


def test_looking_every_day_errs_no_more_often_than_set():
    """Without a difference, 28 daily looks at up to 2,800 pairs must rarely find one."""
    rng = np.random.default_rng(2)
    rule = StoppingRule(alpha=0.05)
    errors = 0
    for _ in range(400):
        values = f1_differences(rng, 0.0, 2800)
        looks = (confidence_sequence(values[:n], rule) for n in range(200, 2801, 100))
        errors += any(look.lower > 0 or look.upper < 0 for look in looks)

    assert errors / 400 <= 0.05


def test_fixed_sample_interval_would_err_far_more_often():
    """The contrast that the rule is for: a daily z-interval at 95 % errs several times as often."""
    rng = np.random.default_rng(2)
    errors = 0
    for _ in range(400):
        values = f1_differences(rng, 0.0, 2800)
        for n in range(200, 2801, 100):
            part = values[:n]
            if abs(part.mean()) > 1.96 * part.std() / math.sqrt(n):
                errors += 1
                break

    assert errors / 400 > 0.15


def test_real_gain_is_found():
    rng = np.random.default_rng(3)

    found = confidence_sequence(f1_differences(rng, 0.03, 3000), StoppingRule())

    assert found.lower > 0


@pytest.mark.parametrize("values", [[], [0.2], [0.2] * 50])
def test_nothing_is_concluded_from_too_little(values):
    found = confidence_sequence(np.array(values, dtype=float), StoppingRule())

    assert (found.lower, found.upper) == (-math.inf, math.inf)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_aipw_gains_are_unbiased(share):
    rng = np.random.default_rng(4)
    treated = rng.random(40_000) < share
    outcomes = np.clip(rng.normal(0.5 + 0.04 * treated, 0.2), 0, 1)

    gain = aipw_gains(outcomes, treated, share).mean()

    assert gain == pytest.approx(0.04, abs=0.01)


def test_unpaired_looks_err_no_more_often_than_set():
    rng = np.random.default_rng(5)
    rule = StoppingRule(alpha=0.05)
    errors = 0
    for _ in range(200):
        treated = rng.random(1500) < 0.3
        outcomes = rng.choice([0.0, 0.2, 0.4, 0.6], size=1500)
        gains = aipw_gains(outcomes, treated, 0.3)
        looks = (confidence_sequence(gains[:n], rule) for n in range(200, 1501, 100))
        errors += any(look.lower > 0 or look.upper < 0 for look in looks)

    assert errors / 200 <= 0.05


def test_sample_ratio_test_holds_its_error_rate_at_every_look():
    rng = np.random.default_rng(6)
    rule = StoppingRule()
    alarms = 0
    for _ in range(300):
        arms = (rng.random(3000) < 0.3).cumsum()
        alarms += any(
            sample_ratio_test(n - int(arms[n - 1]), int(arms[n - 1]), 0.3).evidence
            > 1 / rule.split_alpha
            for n in range(100, 3001, 100)
        )

    assert alarms / 300 <= 0.01


def test_sample_ratio_mismatch_is_found():
    split = sample_ratio_test(600, 400, 0.5)

    assert split.evidence > 1000
    assert split.chi_square_p < 1e-6


def test_empty_arms_are_no_mismatch():
    assert sample_ratio_test(0, 0, 0.5).chi_square_p == 1.0


@pytest.mark.parametrize(
    ("gain", "split", "days", "verdict"),
    [
        (AnytimeInterval(500, 0.05, 0.01, 0.09), SOUND, 3, "promote"),
        (AnytimeInterval(500, -0.05, -0.09, -0.01), SOUND, 3, "stop"),
        (AnytimeInterval(500, 0.01, -0.02, 0.04), SOUND, 3, "go_on"),
        (AnytimeInterval(500, 0.01, -0.02, 0.04), SOUND, 28, "stop"),
        (AnytimeInterval(199, 0.5, 0.4, 0.6), SOUND, 3, "go_on"),
        (AnytimeInterval(500, 0.05, 0.01, 0.09), SampleRatio(900, 100, 1e9, 0.0), 3, "stop"),
        (AnytimeInterval(500, 0.05, 0.01, 0.09), None, 3, "promote"),
        (AnytimeInterval(0, 0.0, -math.inf, math.inf), SOUND, 28, "stop"),
    ],
)
def test_verdict(gain, split, days, verdict):
    found = sequential_verdict(Comparison(gain, split), days, StoppingRule())

    assert found[0] == verdict


def test_gain_below_the_minimum_does_not_promote():
    gain = AnytimeInterval(5000, 0.01, 0.005, 0.015)

    found = sequential_verdict(Comparison(gain, SOUND), 3, StoppingRule(min_gain=0.02))

    assert found[0] == "stop"
