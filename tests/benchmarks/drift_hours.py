"""False alarms of the hourly check on recent predictions: thousands of hours without drift."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from include.drift.calibration import HOURLY_CHECKS, ThresholdCalibration, calibrate_thresholds
from include.drift.samples import Sample, build_samples
from include.drift.signal_catalogue import LABEL_FREE_SIGNALS
from include.jobs.data.observations import in_months, observe_suggestions
from include.sandbox.simulator import simulate
from tests.benchmarks.drift_loop import fit_with_reference, labelled

TRAINING_MONTHS = 12
TRAFFIC_MONTHS = 24
WINDOWS = (50, 200, 1_000)


@dataclass(frozen=True)
class Hours:
    """Checks of hours without drift, with the alarms of one window size."""

    seed: int
    size: int
    checked: int
    alarms: int
    by_signal: dict[str, int]


def quiet_hours(seed: int, hours: int, sizes: Sequence[int] = WINDOWS) -> list[Hours]:
    """
    Check ``hours`` windows of each size sampled from months without drift.

    Sampled without replacement within a window. The service's windows overlap where traffic is low,
    and so raise fewer alarms a year than independent samples: this is the worst case.
    """
    warnings.simplefilter("ignore")
    simulation = simulate(seed, months=TRAINING_MONTHS + TRAFFIC_MONTHS, events=())
    data = labelled(simulation.questions)
    training, traffic_months = (
        simulation.months[:TRAINING_MONTHS],
        simulation.months[TRAINING_MONTHS:],
    )
    model = fit_with_reference(data, tuple(training), (), 5, seed)
    pool = observe_suggestions(model.candidate, data.take(in_months(data, traffic_months)))
    reference, traffic, past = build_samples(model.reference, pool, model.history)
    return [
        _checked(
            seed,
            calibrate_thresholds(
                reference,
                size,
                false_alarms_per_year=0.5,
                checks_per_year=HOURLY_CHECKS,
                history=past,
                signals=LABEL_FREE_SIGNALS,
                seed=seed,
            ),
            reference,
            traffic,
            hours,
        )
        for size in sizes
    ]


def _checked(
    seed: int, calibration: ThresholdCalibration, reference: Sample, traffic: Sample, hours: int
) -> Hours:
    generator = np.random.default_rng(seed)
    signals = [s for s in LABEL_FREE_SIGNALS if s.name in calibration.null_distributions]
    alarms, by_signal = 0, {signal.name: 0 for signal in signals}
    for _ in range(hours):
        hour = traffic.take(generator.choice(len(traffic), calibration.size, replace=False))
        above = [
            s.name for s in signals if s.value(reference, hour) > calibration.thresholds[s.name]
        ]
        alarms += bool(above)
        for name in above:
            by_signal[name] += 1
    return Hours(seed, calibration.size, hours, alarms, by_signal)
