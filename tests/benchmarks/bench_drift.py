"""
How soon drift is found, how often it is cried falsely, beside Evidently's default preset.

    python -m tests.benchmarks.bench_drift [--seeds 20] [--data FILE.jsonl.gz ...]

Three measurements. (1) The simulator, with events (20 months, the first 12 quiet and learned from)
and without (36 months): each month is checked as `monitor_drift` checks it, and an alarm retrains.
What an event costs is measured on six times the questions: F1@5 of the model in use on the event's
month, against the same month with every event a month later. (2) Time and memory of one check at
1,000, 10,000 and 100,000 questions. (3) With --data: the verdict of each month of real questions,
and whether a signal predicts what the next month loses.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
import tracemalloc
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from include.drift.calibration import LARGEST_SAMPLE, calibrate
from include.drift.samples import Observed, samples_of
from include.drift.signals import read_signals
from include.drift.verdict import judge
from include.months import add_months
from include.sandbox.events import default_events
from include.sandbox.simulator import DEFAULT_FIRST_MONTH, DEFAULT_MONTHS, simulate
from tests.benchmarks.drift_loop import (
    Check,
    chosen,
    f1_by_month,
    in_months,
    labelled,
    observe_answers,
    run_loop,
    train,
)
from tests.benchmarks.drift_real import real_months

LEARNED_MONTHS = 12
QUIET_MONTHS_CHECKED = 24
COSTLY = 0.02
TWIN_QUESTIONS = 1500
SIZES = (1_000, 10_000, 100_000)


@dataclass(frozen=True)
class EventFound:
    """An event, what it cost, and after how many months each detector alarmed (None: never)."""

    seed: int
    month: str
    kind: str
    cost: float
    ours: int | None
    evidently: int | None
    evidently_any: int | None


def with_events(seed: int) -> list[EventFound]:
    """Run the closed loop on a simulation with the default events."""
    warnings.simplefilter("ignore")
    simulation = simulate(seed)
    data = labelled(simulation.questions)
    checks = run_loop(data, simulation.months, simulation.months[LEARNED_MONTHS], seed=seed)
    costs = event_costs(seed, checks, data)
    months = [event.month for event in simulation.events]
    return [
        EventFound(
            seed,
            event.month,
            event.kind,
            costs[event.month],
            delay(checks, event.month, months, lambda check: check.alarmed),
            delay(checks, event.month, months, lambda check: check.evidently_dataset),
            delay(checks, event.month, months, lambda check: check.evidently_any),
        )
        for event in simulation.events
    ]


def delay(checks: Sequence[Check], month: str, events: Sequence[str], said) -> int | None:
    """Months from an event to the first alarm before the next event; None if there is none."""
    following = [m for m in events if m > month]
    for count, check in enumerate(c for c in checks if c.month >= month):
        if following and check.month >= following[0]:
            return None
        if said(check):
            return count
    return None


def event_costs(seed: int, checks: Sequence[Check], data) -> dict[str, float]:
    """F1@5 that each event takes from the model that was in use when it came."""
    first, months = DEFAULT_FIRST_MONTH, DEFAULT_MONTHS
    events = default_events(seed, first, months)
    later = [replace(event, month=add_months(event.month, 1)) for event in events]
    here, twin = (
        labelled(simulate(seed, first, months + 1, TWIN_QUESTIONS, events=chosen_events).questions)
        for chosen_events in (events, later)
    )
    all_months = sorted({check.month for check in checks})
    costs = {}
    for event in events:
        alarms = [check.month for check in checks if check.alarmed and check.month < event.month]
        learned_until = alarms[-1] if alarms else add_months(all_months[0], -1)
        span = [add_months(first, i) for i in range(months)]
        model = train(data, [month for month in span if month <= learned_until], 5)
        costs[event.month] = f1_by_month(model, twin, event.month) - f1_by_month(
            model, here, event.month
        )
    return costs


def without_events(seed: int) -> tuple[int, int, int, int]:
    """Return months checked and the false alarms: ours, Evidently's, any column of Evidently's."""
    warnings.simplefilter("ignore")
    months = LEARNED_MONTHS + QUIET_MONTHS_CHECKED
    simulation = simulate(seed, months=months, events=())
    data = labelled(simulation.questions)
    checks = run_loop(data, simulation.months, simulation.months[LEARNED_MONTHS], seed=seed)
    return (
        len(checks),
        sum(check.alarmed for check in checks),
        sum(check.evidently_dataset for check in checks),
        sum(check.evidently_any for check in checks),
    )


def figures(found: Sequence[EventFound], which: str, alarms: int, months: int) -> dict[str, float]:
    """Return the three figures of one detector; a missed event counts in no delay."""
    costly = [event for event in found if event.cost >= COSTLY]
    delays = [value for event in costly if (value := getattr(event, which)) is not None]
    within = [value for value in delays if value <= 1]
    return {
        "detected_share": round(len(within) / max(len(costly), 1), 3),
        "delay_months": round(float(np.mean(delays)), 3) if delays else None,
        "false_alarms_per_24_months": round(24 * alarms / max(months, 1), 3),
    }


def check_cost(size: int) -> dict[str, float]:
    """Seconds and megabytes of one check of ``size`` questions, thresholds included."""
    simulation = simulate(7, months=13, questions_per_month=size, events=()) if size <= 1000 else None
    data = labelled((simulation or simulate(7, months=13, questions_per_month=1000, events=())).questions)
    months = sorted({moment.strftime("%Y-%m") for moment in data.asked_at})
    model = train(chosen(data, np.arange(min(len(data), 3000))), months, 5)
    observed = observe_answers(model, chosen(data, in_months(data, months[6:])))
    current = repeated(observed, size)
    reference = repeated(observed, min(4 * size, 4 * LARGEST_SAMPLE))
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    thin = thinned(current, LARGEST_SAMPLE)
    was, now = samples_of(reference, thin)
    calibration = calibrate(was, len(now), false_alarms_per_year=0.5)
    calibrated = time.perf_counter()
    judge(read_signals(was, now), calibration)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "questions": size,
        "check_s": round(time.perf_counter() - calibrated, 2),
        "calibrate_s": round(calibrated - started, 2),
        "peak_mb": round(peak / 2**20),
        "grown_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024),
    }
