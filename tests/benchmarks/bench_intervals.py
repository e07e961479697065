"""
How often the intervals of a stability report hold the truth, in simulated years.

    python -m tests.benchmarks.bench_intervals [--years 150] [--workers 2]

In one world each month takes the same from every earlier model, or gains the same by refreshes; in
the other one month in six does, of exponentially distributed size, as releases do. Counted are the
interval of the half-life, and those of what policies lose and refreshes gain in other years.

The last line is one JSON object: the shares of years, by interval, case and world. The aim is .90.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from include.evaluation.decay import half_life
from include.evaluation.other_years import loss_in_other_years
from include.evaluation.policies import models_in_use
from include.evaluation.refreshes import refresh_curve
from include.months import add_months
from tests.benchmarks.simulated_years import (
    HIT_VALUE,
    WORLDS,
    FloatArray,
    World,
    monthly_changes,
    monthly_models,
    refreshed_months,
)

SIZES: Final = ((12, 120), (12, 1_000), (24, 120), (24, 1_000))
"""Months, and questions of a month."""
HALF_LIVES: Final = (24.0, 12.0, 5.0)
"""In months."""
GAINS: Final = (0.005, 0.015)
"""Of refreshes, F1@5, on average over all months."""
POLICIES: Final = ("frozen", "quarterly", "on_drift")
ALARM: Final = 0.15
"""Decay of a month, in log2, from which the drift check alarms."""
HITS: Final = 0.5
"""Share of questions whose tag a fresh model finds, on average."""
TRUTH_YEARS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Case:
    """Years to simulate: which interval, months, questions a month, size of the change, world."""

    interval: str
    months: int
    questions: int
    size: float
    world: World


def month_names(count: int) -> tuple[str, ...]:
    return tuple(add_months("2019-01", number) for number in range(count))


def cases() -> list[Case]:
    """Return every case, in the order of the tables."""
    found = [
        Case("half-life", *size, half, world)
        for size, half, world in product(SIZES, HALF_LIVES, WORLDS)
    ]
    found += [
        Case(policy, *size, half, world)
        for policy, size, half, world in product(POLICIES, SIZES[:2], HALF_LIVES, WORLDS)
    ]
    return found + [
        Case("refreshes", *size, gain, world) for size, gain, world in product(SIZES, GAINS, WORLDS)
    ]


def held_share(case: Case, years: int) -> float:
    """Return the share of simulated years whose interval holds the truth."""
    random = np.random.default_rng(3)
    holds = {"half-life": holds_half_life, "refreshes": holds_gain}.get(case.interval, holds_loss)
    truth = {"half-life": lambda *_: case.size, "refreshes": mean_gain}.get(
        case.interval, mean_loss
    )(case, random)
    return sum(holds(case, random, truth) for _ in range(years)) / years


def holds_half_life(case: Case, random: np.random.Generator, truth: float) -> bool:
    decays = monthly_changes(random, case.world, 1 / truth, case.months)
    found = half_life(monthly_models(random, month_names(case.months), decays, case.questions))
    return found.low <= truth <= found.high


def used_models(case: Case, decays: FloatArray) -> tuple[str, ...]:
    """Return the model in use in each month under the case's policy."""
    months = month_names(case.months)
    alarms = {months[at] for at in np.flatnonzero(decays > ALARM)}
    return models_in_use(case.interval, months, alarms)


def mean_loss(case: Case, random: np.random.Generator) -> float:
    """Return what the policy loses against monthly retraining, F1@5, on average over years."""
    position = {month: at for at, month in enumerate(month_names(case.months))}
    losses = []
    for _ in range(TRUTH_YEARS):
        decays = monthly_changes(random, case.world, 1 / case.size, case.months)
        lost = np.cumsum(decays)
        ages = lost - lost[[position[model] for model in used_models(case, decays)]]
        losses.append(HITS * HIT_VALUE * np.mean(1 - 2**-ages))
    return float(np.mean(losses))


def holds_loss(case: Case, random: np.random.Generator, truth: float) -> bool:
    months = month_names(case.months)
    decays = monthly_changes(random, case.world, 1 / case.size, case.months)
    low, high = loss_in_other_years(
        monthly_models(random, months, decays, case.questions),
        months,
        used_models(case, decays),
        np.full(case.months, 1 / case.months),
        on_drift=case.interval == "on_drift",
    )
    return low <= truth <= high


def regained(case: Case, random: np.random.Generator, months: int) -> FloatArray:
    """Return the share of hits that refreshes regain in each month."""
    share = case.size / (HITS * HIT_VALUE)
    return np.minimum(monthly_changes(random, case.world, share, months), 1.0)


def mean_gain(case: Case, random: np.random.Generator) -> float:
    return float(HITS * HIT_VALUE * regained(case, random, 100_000).mean())


def holds_gain(case: Case, random: np.random.Generator, truth: float) -> bool:
    months = month_names(case.months)
    shares = regained(case, random, case.months)
    refreshed, monthly = refreshed_months(random, months, shares, case.questions)
    curve = refresh_curve("weekly", refreshed, monthly, samples=100, seed=1)
    return curve.other_low <= -truth <= curve.other_high


def table_of(
    title: str, head: Sequence[str], found: dict[Case, float], kept: Callable[[Case], bool]
) -> Table:
    """Return a table with a row for each case, and a column for each world."""
    table = Table(*head, *WORLDS, title=title)
    for case in found:
        if kept(case) and case.world == WORLDS[0]:
            other = Case(case.interval, case.months, case.questions, case.size, WORLDS[1])
            size = f"{case.months}, {case.questions:,}"
            table.add_row(
                case.interval, size, f"{case.size:g}", f"{found[case]:.2f}", f"{found[other]:.2f}"
            )
    return table


def main() -> None:
    """Simulate, print the tables, and the JSON last."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--years", type=int, default=150, help="of each case")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    console = Console(width=100)
    asked = cases()
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        shares = pool.map(partial(held_share, years=given.years), asked)
        found = dict(zip(asked, shares, strict=True))
    head = ("interval", "months, questions a month")
    decaying = (*head, "half-life")
    for title, names, columns in (
        ("Half-life", ("half-life",), decaying),
        ("What a policy loses in other years", POLICIES, decaying),
        ("What refreshes gain in other years", ("refreshes",), (*head, "mean gain")),
    ):
        console.print(table_of(title, columns, found, lambda case, n=names: case.interval in n))
    summary: dict[str, dict[str, float]] = {}
    for case, share in found.items():
        key = f"{case.months}/{case.questions}/{case.size:g}/{case.world}"
        summary.setdefault(case.interval, {})[key] = round(share, 3)
    console.print(f"{given.years} years of each case")
    print(json.dumps({"years": given.years, "held": summary}))


if __name__ == "__main__":
    main()
