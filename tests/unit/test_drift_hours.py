"""The hourly check has a budget of its own: a year's false alarms over 8,760 checks."""

import numpy as np
import pytest

from include.drift.calibration import HOURLY_CHECKS, MONTHLY_CHECKS, calibrate_thresholds
from include.drift.samples import Observations, build_samples
from include.drift.signal_catalogue import SIGNAL

SIGNALS = [SIGNAL[name] for name in ("text_length", "code_share", "confidence")]
SIZE = 100


def questions(generator, count):
    """Questions of a world that does not change, with the service's answers."""
    return Observations(
        months=["2024-01"] * count,
        words=[["a"]] * count,
        word_counts=generator.lognormal(4, 0.5, count),
        code_shares=generator.beta(2, 2, count),
        suggested=[[("python", float(score))] for score in generator.beta(4, 2, count)],
    )


@pytest.fixture(scope="module")
def world():
    generator = np.random.default_rng(11)
    return build_samples(questions(generator, 1500), questions(generator, 60_000))


def alarms(world, checks_per_year, hours):
    """Alarms of a year's rate of 0.5 in so many windows that do not overlap."""
    reference, asked = world
    made = calibrate_thresholds(
        reference,
        SIZE,
        false_alarms_per_year=0.5,
        checks_per_year=checks_per_year,
        signals=SIGNALS,
        seed=1,
    )
    windows = (asked.take(np.arange(SIZE * i, SIZE * (i + 1))) for i in range(hours))
    return sum(
        any(s.value(reference, window) > made.thresholds[s.name] for s in SIGNALS)
        for window in windows
    )


def test_quiet_hours_raise_no_alarm(world):
    # 600 hours at one alarm in two years: 0.03 are expected.
    assert alarms(world, HOURLY_CHECKS, 600) == 0


def test_hours_with_monthly_thresholds_would_raise_false_alarms(world):
    # The same hours at a month's level: 600 x 0.042 = 25 are expected.
    assert 8 < alarms(world, MONTHLY_CHECKS, 600) < 50
