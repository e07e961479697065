"""
How soon drift is found, how often it is cried falsely, beside Evidently's default preset.

    python -m tests.benchmarks.bench_drift [--seeds 20] [--data FILE.jsonl.gz ...]

Four measurements. (1) The simulator, with events (20 months, the first 12 quiet and learned from)
and without (36 months): each month is checked as `monitor_drift` checks it, and an alarm retrains.
What an event costs is measured on six times the questions: F1@5 of the model in use on the event's
month, against the same month with every event a month later. (2) Time and memory of one check at
1,000, 10,000 and 100,000 questions. (3) With --data: the verdict of each month of real questions,
and whether a signal predicts what the next month loses. (4) The hourly check on hours in which
nothing happens, at several sizes of traffic.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from include.drift.calibration import MAX_SAMPLE, calibrate_thresholds
from include.drift.samples import build_samples
from include.drift.signal_catalogue import MONTHLY_ALERTING_SIGNALS, calculate_signals
from include.drift.verdict import drift_verdict
from include.jobs.data.observations import in_months, observe_suggestions, sample_questions
from include.months import add_months, month_of
from include.sandbox.events import Event, default_events
from include.sandbox.simulator import DEFAULT_FIRST_MONTH, DEFAULT_MONTHS, simulate
from include.text.prepared import LabelledTexts
from tests.benchmarks.drift_hours import quiet_hours
from tests.benchmarks.drift_loop import (
    Check,
    Encode,
    f1_by_month,
    labelled,
    months_of,
    run_loop,
    train,
)
from tests.benchmarks.drift_real import real_months
from tests.benchmarks.embedding_cache import file_cached

TRAINING_MONTHS = 12
QUIET_MONTHS_CHECKED = 24
COSTLY = 0.02
TWIN_QUESTIONS = 1500
HOURLY_SEEDS = (5001, 5002)
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
    checks = run_loop(data, simulation.months, simulation.months[TRAINING_MONTHS], seed=seed)
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


def delay(
    checks: Sequence[Check], month: str, events: Sequence[str], said: Callable[[Check], bool]
) -> int | None:
    """Months from an event to the first alarm before the next event; None if there is none."""
    following = [m for m in events if m > month]
    for count, check in enumerate(c for c in checks if c.month >= month):
        if following and check.month >= following[0]:
            return None
        if said(check):
            return count
    return None


def event_costs(seed: int, checks: Sequence[Check], data: LabelledTexts) -> dict[str, float]:
    """F1@5 that each event takes from the model that was in use when it came."""
    first, months = DEFAULT_FIRST_MONTH, DEFAULT_MONTHS
    events = default_events(seed, first, months)
    later = [replace(event, month=add_months(event.month, 1)) for event in events]
    here, twin = (_of_events(seed, world, [e.month for e in events]) for world in (events, later))
    before_all = add_months(min(check.month for check in checks), -1)
    span = [add_months(first, i) for i in range(months)]
    costs, models = {}, {}
    for event in events:
        alarms = [check.month for check in checks if check.alarmed and check.month < event.month]
        until = alarms[-1] if alarms else before_all
        if until not in models:
            models[until] = train(data, [month for month in span if month <= until], 5)
        spared, hit = (f1_by_month(models[until], world, event.month) for world in (twin, here))
        costs[event.month] = spared - hit
    return costs


def _of_events(seed: int, events: Sequence[Event], months: Sequence[str]) -> LabelledTexts:
    """Return the questions of some months of a larger simulation with the events given."""
    world = simulate(seed, DEFAULT_FIRST_MONTH, DEFAULT_MONTHS + 1, TWIN_QUESTIONS, events=events)
    return labelled([q for q in world.questions if month_of(q.asked_at) in months])


def without_events(seed: int) -> tuple[int, int, int, int]:
    """Return months checked and the false alarms: ours, Evidently's, any column of Evidently's."""
    warnings.simplefilter("ignore")
    months = TRAINING_MONTHS + QUIET_MONTHS_CHECKED
    simulation = simulate(seed, months=months, events=())
    data = labelled(simulation.questions)
    checks = run_loop(data, simulation.months, simulation.months[TRAINING_MONTHS], seed=seed)
    return (
        len(checks),
        sum(check.alarmed for check in checks),
        sum(check.evidently_dataset for check in checks),
        sum(check.evidently_any for check in checks),
    )


def figures(
    found: Sequence[EventFound], which: str, alarms: int, months: int
) -> dict[str, float | None]:
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
    """
    Seconds and megabytes of checking a month of ``size`` questions, thresholds included.

    From prepared texts to the verdict: sample, predict, calibrate, calculate signals, decide.
    """
    data = labelled(simulate(7, months=2, questions_per_month=size, events=()).questions)
    first, second = months_of(data)
    before = data.take(in_months(data, [first]))
    after = data.take(in_months(data, [second]))
    model = train(sample_questions(before, 2000, 0), [first], 5)
    reference = observe_suggestions(model, sample_questions(before, 4 * MAX_SAMPLE, 0))
    filled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    analysis = observe_suggestions(model, sample_questions(after, MAX_SAMPLE, 0))
    reference_sample, analysis_sample = build_samples(reference, analysis)
    observed = time.perf_counter()
    calibration = calibrate_thresholds(
        reference_sample,
        len(analysis_sample),
        false_alarms_per_year=0.5,
        signals=MONTHLY_ALERTING_SIGNALS,
    )
    calibrated = time.perf_counter()
    drift_verdict(calculate_signals(reference_sample, analysis_sample), calibration)
    decided = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "questions": len(after),
        "compared": len(analysis_sample),
        "observe_s": round(observed - started, 2),
        "calibrate_s": round(calibrated - observed, 2),
        "verdict_s": round(decided - calibrated, 2),
        "added_mb": round((peak - filled) / 1024),
        "peak_mb": round(peak / 1024),
    }


def show(console: Console, found: Sequence[EventFound]) -> None:
    """Print every event with its cost and who found it when."""
    table = Table("seed", "month", "event", "F1@5 cost", "ours", "Evidently", "any column")
    for event in found:
        delays = (event.ours, event.evidently, event.evidently_any)
        table.add_row(
            str(event.seed),
            event.month,
            event.kind,
            f"{event.cost:+.3f}",
            *("never" if value is None else str(value) for value in delays),
        )
    console.print(table)


def simulated(console: Console, seeds: int, workers: int) -> dict[str, object]:
    """Run both kinds of simulations and return the figures by detector."""
    with ProcessPoolExecutor(workers) as pool:
        runs = list(pool.map(with_events, range(1, seeds + 1)))
        quiet = list(pool.map(without_events, range(1001, 1001 + seeds)))
    found = [event for run in runs for event in run]
    show(console, found)
    months, ours, evidently, any_column = (sum(column) for column in zip(*quiet, strict=True))
    return {
        **figures(found, "ours", ours, months),
        "evidently": figures(found, "evidently", evidently, months),
        "evidently_any_column": figures(found, "evidently_any", any_column, months),
        "events": len(found),
        "costly_events": sum(event.cost >= COSTLY for event in found),
        "all_events_detected_share": round(
            sum(event.ours is not None and event.ours <= 1 for event in found) / max(len(found), 1),
            3,
        ),
        "quiet_months": months,
        "false_alarms": ours,
        "seeds": seeds,
    }


def hourly(console: Console, hours: int, workers: int) -> list[dict[str, object]]:
    """Check quiet hours of two worlds; return the alarms of each size of traffic."""
    with ProcessPoolExecutor(workers) as pool:
        worlds = list(pool.map(quiet_hours, HOURLY_SEEDS, repeat(hours)))
    table = Table("questions in the window", "quiet hours", "alarms", "by signal")
    result: list[dict[str, object]] = []
    for same_size in zip(*worlds, strict=True):
        checked, alarms = (
            sum(getattr(h, what) for h in same_size) for what in ("checked", "alarms")
        )
        by_signal = sum((Counter(h.by_signal) for h in same_size), Counter[str]())
        size = same_size[0].size
        result.append({"questions": size, "hours": checked, "alarms": alarms})
        table.add_row(str(size), str(checked), str(alarms), str(dict(by_signal) or ""))
    console.print(table)
    return result


def _encode(name: str, cache: Path, console: Console) -> Encode:
    from include.candidates.encoders import encoder_factory

    return file_cached(encoder_factory(None), cache, console.log)(name).encode


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for and print tables and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0].strip())
    parser.add_argument("--seeds", type=int, default=20, help="simulations of each kind")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--data", type=Path, nargs="*", default=[], help="real questions, .jsonl.gz"
    )
    parser.add_argument("--from", dest="first", default="2018-01", help="first real month checked")
    parser.add_argument(
        "--encoder", choices=("bert", "use"), help="give real questions vectors: one signal more"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path(".local/cache"), help="where vectors are kept"
    )
    parser.add_argument(
        "--hours", type=int, default=2_000, help="quiet hours checked, of each size of traffic"
    )
    parser.add_argument("--no-cost", action="store_true", help="leave out time and memory")
    asked = parser.parse_args(arguments)
    console = Console(width=120)
    result: dict[str, object] = {}
    if asked.seeds:
        result |= simulated(console, asked.seeds, asked.workers)
        console.print_json(json.dumps(result))  # what follows takes minutes and may be stopped
    if asked.hours:
        result["hourly"] = hourly(console, asked.hours, asked.workers)
    if not asked.no_cost:
        with ProcessPoolExecutor(1, max_tasks_per_child=1, mp_context=get_context("spawn")) as own:
            result["cost"] = list(own.map(check_cost, SIZES))
        table = Table(*result["cost"][0])
        for row in result["cost"]:
            table.add_row(*(str(value) for value in row.values()))
        console.print(table)
    if asked.data:
        encode = _encode(asked.encoder, asked.cache, console) if asked.encoder else None
        result["real"] = {
            path.name: real_months(console, path, asked.first, encode) for path in asked.data
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
