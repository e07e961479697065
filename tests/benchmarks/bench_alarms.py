"""
False alarms of the monthly check on months without drift in shuffled order, by length of history.

    python -m tests.benchmarks.bench_alarms [--data FILE.jsonl.gz ...] [--shuffles 20]

Real quiet months are exchangeable once their order is drawn at random: an alarm on one is false by
construction. Each shuffle trains on the first 6, 8, 12 or 18 of them and checks the next five, with
thresholds as `monitor_drift` finds them. The same is done with months of the simulator. With --event,
real months are checked in their own order against as short a history: an event must be found.

The last line is one JSON object: false alarms in 24 months, by set and history, and the events found.
"""

from __future__ import annotations

import argparse
import json
import operator
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial, reduce
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from include.drift.calibration import calibrate_thresholds
from include.drift.samples import build_samples
from include.drift.signal_catalogue import MONTHLY_ALERTING_SIGNALS, calculate_signals
from include.drift.verdict import DriftVerdict, drift_verdict
from include.jobs.data.observations import in_months, observe_suggestions
from include.months import add_months, month_of, month_start
from include.sandbox.simulator import simulate
from include.text.prepared import LabelledTexts
from tests.benchmarks.drift_loop import ModelInUse, fit_with_reference, labelled, months_of
from tests.benchmarks.drift_real import MIN_QUESTIONS, read_questions

HISTORIES = (6, 8, 12, 18)
CHECKED = 5
MIN_TAG_COUNT = 1
SIMULATED_MONTHS = 24
SLOTS = tuple(add_months("2000-01", i) for i in range(max(HISTORIES) + CHECKED))


@cache
def data_of(source: str) -> LabelledTexts:
    """Return a file's questions, or those of a simulation without events: ``simulated 3``."""
    if source.startswith("simulated "):
        seed = int(source.removeprefix("simulated "))
        return labelled(simulate(seed, months=SIMULATED_MONTHS, events=()).questions)
    return labelled(sorted(read_questions(Path(source)), key=lambda q: q.asked_at))


def moved(data: LabelledTexts, month: str, slot: str) -> LabelledTexts:
    """Return a month's questions as if they had been asked in another month."""
    part = data.take(in_months(data, [month]))
    start = month_start(slot)
    asked = tuple(
        moment.replace(year=start.year, month=start.month, day=min(moment.day, 28))
        for moment in part.asked_at
    )
    return replace(part, asked_at=asked)


def check(data: LabelledTexts, history: int) -> list[DriftVerdict]:
    """Check each month after the first ``history`` ones by itself, against one model of these."""
    months = months_of(data)
    model = fit_with_reference(data, months[:history], [], MIN_TAG_COUNT, 0)
    return [
        verdict(model, data.take(in_months(data, [month])), months[history])
        for month in months[history:]
    ]


def verdict(model: ModelInUse, questions: LabelledTexts, month: str) -> DriftVerdict:
    """Check questions as if they were those of the month after the model's training window."""
    asked = moved(questions, month_of(questions.asked_at[0]), month)
    analysis = observe_suggestions(model.candidate, asked)
    reference, sample, history = build_samples(model.reference, analysis, model.history)
    calibration = calibrate_thresholds(
        reference,
        len(sample),
        false_alarms_per_year=0.5,
        history=history,
        vocabulary=model.vocabulary,
        signals=MONTHLY_ALERTING_SIGNALS,
    )
    return drift_verdict(calculate_signals(reference, sample), calibration)


def shuffled(task: tuple[str, int, int], *, first: str, last: str, without: Sequence[str]) -> int:
    """Return the false alarms of one shuffle: (source, months of history, seed)."""
    warnings.simplefilter("ignore")
    source, history, seed = task
    data = data_of(source)
    sizes = Counter(month_of(moment) for moment in data.asked_at)
    real = not source.startswith("simulated ")
    quiet = [
        month
        for month in sorted(sizes)
        if sizes[month] >= MIN_QUESTIONS
        and (not real or (first <= month <= last and month not in without))
    ]
    drawn = np.random.default_rng(seed).permutation(len(quiet))[: history + CHECKED]
    parts = [moved(data, quiet[i], slot) for i, slot in zip(drawn, SLOTS, strict=False)]
    together = reduce(operator.add, parts)
    return sum(one.kind == "drift" for one in check(together, history))


def found(source: str, month: str, history: int) -> str:
    """Return the verdict's reason on a real month after ``history`` real months; empty if quiet."""
    warnings.simplefilter("ignore")
    months = [add_months(month, i) for i in range(-history, 1)]
    data = data_of(source)
    (done,) = check(data.take(in_months(data, months)), history)
    return done.reason if done.kind == "drift" else ""


def main() -> None:
    """Measure, print the tables, and the JSON last."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", nargs="*", default=[], help="files of real questions")
    parser.add_argument("--from", dest="first", default="2016-06", help="first real month")
    parser.add_argument("--to", dest="last", default="2019-06", help="last real month")
    parser.add_argument("--event", nargs="*", default=[], help="months with drift, as 2018-05")
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--histories", type=int, nargs="*", default=HISTORIES, choices=HISTORIES,
                        help="months of history, default all four")  # fmt: skip
    parser.add_argument("--no-simulator", action="store_true", help="the files only")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    console = Console(width=120)
    sources = [*given.data, *([] if given.no_simulator else ["simulated"])]
    rule = partial(shuffled, first=given.first, last=given.last, without=tuple(given.event))
    table = Table(
        "set", *(f"{h} months" for h in given.histories), title="False alarms in 24 months"
    )
    rates: dict[str, dict[int, float]] = {}
    events: dict[str, dict[int, bool]] = {}
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        for source in sources:
            name = Path(source).name.partition("_")[0]
            for history in given.histories:
                tasks = [
                    (f"simulated {seed}" if source == "simulated" else source, history, seed)
                    for seed in range(given.shuffles)
                ]
                alarms = sum(pool.map(rule, tasks))
                rate = 24 * alarms / (given.shuffles * CHECKED)
                rates.setdefault(name, {})[history] = round(rate, 2)
                console.print(f"{name}, {history} months: {alarms} in {given.shuffles * CHECKED}")
            table.add_row(name, *(f"{rates[name][h]:.2f}" for h in given.histories))
    for source in given.data:
        stored = months_of(data_of(source))
        for month in given.event:
            if month not in stored or not Path(source).name.startswith("stackoverflow"):
                continue
            for history in given.histories:
                reason = found(source, month, history)
                events.setdefault(month, {})[history] = bool(reason)
                console.print(f"{month} after {history} months: {reason or 'not found'}")
    console.print(table)
    print(json.dumps({"false_alarms_per_24_months": rates, "events_found": events}))


if __name__ == "__main__":
    main()
