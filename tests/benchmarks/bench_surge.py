"""
When the rule for surges of new tags fires: real months, and a simulated site of Stack Overflow's size.

    python -m tests.benchmarks.bench_surge [--data FILE.jsonl.gz ...] [--from 2018-01] [--to 2019-06]

By counts alone, no model is fitted: a champion knows the tags of every question before it learned,
learns every seven days or on a surge, and is checked every day on what was asked since. Beside the
rule stands the fixed share of the questions that it falls back to. On the simulated site tags follow
Zipf's law, forty a week are new, and each week is checked as it is, and with a release: a tag on a
share of the questions from the day on from which the champion has not learned.

The last line is one JSON object: ``fired`` {file: {rule: [[day, tags], ...]}} and ``simulated``, for
each seed {``quiet_days``, ``false`` {rule: surges without the release}, ``found_within_days`` {share: {rule: [days, ...]}}},
days null if the weekly refresh came first.
"""

from __future__ import annotations

import argparse
import json
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from include.candidates.base import least_uses
from include.evaluation.surge import SURGE_USES, PastSpan, past_spans, surging_tags
from include.months import add_months, month_start
from tests.benchmarks.drift_real import read_questions

REFRESH_DAYS: Final = 7
RULES: Final = ("past spans", "2 % of the questions")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """When questions were asked, oldest first, and their tags."""

    asked_at: list[datetime]
    tags: list[tuple[str, ...]]

    def between(self, start: datetime, end: datetime) -> list[tuple[str, ...]]:
        """Return the tags of the questions in [start, end)."""
        first, last = (bisect_left(self.asked_at, at) for at in (start, end))
        return self.tags[first:last]


def read_asked(path: Path) -> Asked:
    """Return the tagged questions of a file."""
    found = sorted(
        (question.asked_at, question.tags) for question in read_questions(path) if question.tags
    )
    return Asked([at for at, _ in found], [tags for _, tags in found])


def fired(
    data: Asked, start: datetime, end: datetime, rule: str
) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """Yield the midnights at which tags surge, with these tags, as a champion is refreshed."""
    since = start
    while since < end:
        row = bisect_left(data.asked_at, since)
        before = Counter(tag for tags in data.tags[:row] for tag in set(tags))
        least = least_uses(before.values(), 1)
        for days in range(1, REFRESH_DAYS + 1):
            until = since + days * _DAY
            unseen = data.between(since, until)
            uses = Counter(tag for tags in unseen for tag in set(tags) if before[tag] < least)
            past: list[PastSpan] = []
            if rule == RULES[0] and uses:
                past = past_spans(
                    data.asked_at[:row], data.tags[:row], until=since, days=days, least_uses=least
                )
            if surging := surging_tags(uses, len(unseen), past):
                yield until, surging
                break
        since = until


@dataclass
class SimulatedSite:
    """
    Uses of tags by day on a site of Stack Overflow's size.

    Parameters
    ----------
    seed : int
    per_day : int
        Questions, with 2.9 tags on average.
    tag_count : int
        That exist from the start.
    new_per_week : int
        Tags that appear, each used by one question in 30,000 in the median, one in 36 of them by
        more than ten times as many: some are releases.
    """

    seed: int
    per_day: int = 2_200
    tag_count: int = 40_000
    new_per_week: int = 40
    days: int = 7 * 52
    uses: np.ndarray[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the uses of every tag on every day."""
        random = np.random.default_rng(self.seed)
        rates = 1 / (np.arange(self.tag_count) + 15.0)
        rates *= 2.9 * self.per_day / rates.sum()
        born = self.new_per_week * self.days // 7
        new = random.lognormal(np.log(self.per_day / 30_000), 1.2, born)
        first = random.integers(0, self.days, born)
        alive = np.arange(self.days) >= first[:, None]
        # Tags wax and wane from week to week, and weekends are quiet
        weeks = random.gamma(4, 1 / 4, (self.tag_count + born, self.days // 7)).repeat(7, axis=1)
        week_days = np.tile([1.15, 1.15, 1.15, 1.15, 1.15, 0.65, 0.6], self.days // 7)
        means = np.concatenate([np.repeat(rates[:, None], self.days, axis=1), new[:, None] * alive])
        self.uses = random.poisson(means * weeks * week_days).astype(np.int32)
        self.questions = random.poisson(self.per_day * week_days)


def simulated(seed: int, shares: Sequence[float]) -> dict[str, Any]:
    """Return surges of other tags in half a year's weeks, and when releases of some sizes are found."""
    site = SimulatedSite(seed)
    random = np.random.default_rng(seed + 1)
    half = site.days // 2
    false = dict.fromkeys(RULES, 0)
    found: dict[str, dict[str, list[int | None]]] = {
        str(share): {rule: [] for rule in RULES} for share in shares
    }
    total = site.uses.cumsum(axis=1)
    for since in range(half, site.days - REFRESH_DAYS + 1, REFRESH_DAYS):
        before = total[:, since - 1]
        least = least_uses(before[before > 0].tolist(), 1)
        unknown = before < least
        release = {str(share): 0 for share in shares}
        quiet = dict.fromkeys(RULES, False)
        seen = {key: dict.fromkeys(RULES, False) for key in release}
        for days in range(1, REFRESH_DAYS + 1):
            asked = int(site.questions[since : since + days].sum())
            uses = total[unknown, since + days - 1] - before[unknown]
            often = {str(tag): int(uses[tag]) for tag in np.flatnonzero(uses >= SURGE_USES)}
            past = [
                PastSpan(
                    int(site.questions[end - days : end].sum()),
                    _new_uses(total, end - days, end, least),
                )
                for end in range(since, since // 2 + days, -days)
            ]
            for rule, spans in zip(RULES, (past, ()), strict=True):
                if not quiet[rule] and surging_tags(often, asked, spans):
                    quiet[rule] = True
                    false[rule] += 1
            for share in shares:
                key = str(share)
                release[key] += int(random.poisson(share * site.questions[since + days - 1]))
                for rule, spans in zip(RULES, (past, ()), strict=True):
                    with_release = often | {"release": release[key]}
                    if not seen[key][rule] and surging_tags(with_release, asked, spans):
                        seen[key][rule] = True
                        found[key][rule].append(days)
        for key, by_rule in seen.items():
            for rule, was in by_rule.items():
                if not was:
                    found[key][rule].append(None)
    return {"quiet_days": site.days - half, "false": false, "found_within_days": found}


def _new_uses(total: np.ndarray[Any, Any], first: int, last: int, least: int) -> tuple[int, ...]:
    """Return the uses, in the days [first, last), of tags that were new and used often."""
    before = total[:, first - 1]
    uses = total[:, last - 1] - before
    return tuple(uses[(before < least) & (uses >= SURGE_USES)].tolist())


def main() -> None:
    """Run the benchmark; see the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="files of real questions")
    parser.add_argument("--from", dest="first", default="2018-01", help="first month")
    parser.add_argument("--to", dest="last", default="2019-06", help="last month")
    parser.add_argument("--seeds", type=int, default=1, help="simulated sites")
    parser.add_argument("--shares", default="0.002,0.005",
                        help="of the questions that a simulated release is on")  # fmt: skip
    given = parser.parse_args()
    start, end = month_start(given.first), month_start(add_months(given.last, 1))
    result: dict[str, Any] = {"fired": {}}
    for path in given.data:
        data = read_asked(path)
        result["fired"][path.name.partition("_")[0]] = {
            rule: [
                [f"{at.astimezone(UTC):%Y-%m-%d}", list(tags)]
                for at, tags in fired(data, start, end, rule)
            ]
            for rule in RULES
        }
    shares = [float(share) for share in given.shares.split(",")]
    result["simulated"] = [simulated(seed, shares) for seed in range(1, given.seeds + 1)]
    table = Table("questions", "rule", "surges")
    for name, by_rule in result["fired"].items():
        for rule, surges in by_rule.items():
            found = [f"{day} {', '.join(tags)}" for day, tags in surges]
            table.add_row(name, rule, "; ".join(found) or "none")
    for seed, site in enumerate(result["simulated"], 1):
        for rule in RULES:
            parts = [f"{site['false'][rule]} without a release"]
            for share, days in site["found_within_days"].items():
                count = sum(day is not None for day in days[rule])
                parts.append(f"{count} of {len(days[rule])} on {float(share):.1%}")
            table.add_row(f"simulated {seed}", rule, "; ".join(parts))
    Console(width=120).print(table)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
