"""
What refitting within the month gains: the same months under several rules.

    python -m tests.benchmarks.bench_cadence --data FILE.jsonl.gz [--from 2019-01] [--to 2019-12]

Monthly, a candidate is fitted at the month's beginning on every question before it. With `--every 7`
it is fitted every seven days instead, on the questions whose tags are known by then, two days after
they were asked; with `--surge` monthly, and at once when new tags surge. Each rule is run for each
count of `--min-tag-counts`. In memory: the platform's preparation, candidates and metrics, without
its database.

The last line is one JSON object: ``rules`` {name: {``f1_all@5`` {month: value}, ``mean``,
``trainings``, ``seconds``}}, ``events`` {month: {``tag``, ``delay_days``, ``gain``}} and
``first_suggestion_days`` {``before``, ``after``}: the median over tags that are new in the tested
months, null if half of them are never suggested. ``before`` is the first rule, ``after`` the last.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from include.candidates.catalogue import make_candidate
from include.months import add_months, check_month, month_of, months_between
from include.text.prepared import LabelledTexts
from tests.benchmarks.bench_quality import add_data, load
from tests.benchmarks.cadence_rules import (
    Replay,
    Rule,
    days_to_suggestion,
    event_delay_days,
    event_tag,
    median_days,
    new_tags,
    replay,
)
from tests.benchmarks.drift_loop import no_encoder

DEFAULT_MONTHS_TESTED = 12
NEW_TAG_USES = 5
"""Questions of the tested months that a new tag needs to count."""
EVENT_GAIN = 0.05
"""Gain of the last rule over the first from which a month is listed as an event."""


def rules_of(
    min_tag_counts: Sequence[int], every_days: Sequence[int] = (7,), *, surge: bool = False
) -> dict[str, Rule]:
    """Return the rules by name, monthly ones first."""
    found = {f"monthly, tags from {count}": Rule(None, count) for count in min_tag_counts}
    if surge:
        for count in min_tag_counts:
            found[f"on surge, tags from {count}"] = Rule(None, count, on_surge=True)
    for days in every_days:
        name = {1: "daily", 7: "weekly"}.get(days, f"every {days} days")
        for count in min_tag_counts:
            found[f"{name}, tags from {count}"] = Rule(timedelta(days=days), count)
    return found


def events_of(
    data: LabelledTexts, replays: Mapping[str, Replay], months: Sequence[str], min_tag_count: int
) -> dict[str, dict[str, Any]]:
    """Return the named months, or those with a large gain, with the tag that was new in them."""
    before, after = (list(replays.values())[position].f1_by_month() for position in (0, -1))
    suggested = list(replays.values())[-1].suggested
    chosen = months or [month for month in after if after[month] - before[month] >= EVENT_GAIN]
    found = {}
    for month in chosen:
        tag = event_tag(data, month, min_tag_count)
        delay = event_delay_days(data, month, tag, suggested) if tag else None
        found[month] = {
            "tag": tag,
            "delay_days": None if delay is None else round(delay, 2),
            "gain": round(after[month] - before[month], 4),
        }
    return found


def show(out: Console, replays: Mapping[str, Replay], title: str) -> None:
    """Print F1@5 of each month under each rule."""
    table = Table(title=title)
    for heading in ("month", *replays):
        table.add_column(heading, justify="right")
    by_rule = [one.f1_by_month() for one in replays.values()]
    for month in by_rule[0]:
        table.add_row(month, *(f"{values[month]:.4f}" for values in by_rule))
    table.add_row("mean", *(f"{one.mean():.4f}" for one in replays.values()))
    table.add_row("trainings", *(str(one.trainings) for one in replays.values()))
    table.add_row("seconds", *(f"{one.seconds:.1f}" for one in replays.values()))
    out.print(table)


def result_of(
    data: LabelledTexts, replays: Mapping[str, Replay], events: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the last line's object."""
    first, last = (list(replays.values())[position] for position in (0, -1))
    fresh = new_tags(data, list(first.scores), NEW_TAG_USES)
    medians = [median_days(days_to_suggestion(fresh, one.suggested)) for one in (first, last)]
    before, after = (None if value is None else round(value, 2) for value in medians)
    return {
        "rules": {
            name: {
                "f1_all@5": {month: round(value, 4) for month, value in one.f1_by_month().items()},
                "mean": round(one.mean(), 4),
                "trainings": one.trainings,
                "seconds": round(one.seconds, 1),
            }
            for name, one in replays.items()
        },
        "events": dict(events),
        "first_suggestion_days": {"before": before, "after": after, "new_tags": len(fresh)},
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; each one's default is the environment variable of its name."""
    env = {name: value for name, value in os.environ.items() if value}
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_cadence",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Each option's default is the environment variable of its name in capitals.",
    )
    add_data(parser, env)
    parser.add_argument("--from", dest="first", type=check_month, default=env.get("FROM"),
                        help="first month tested; default: eleven before the last")  # fmt: skip
    parser.add_argument("--to", dest="last", type=check_month, default=env.get("TO"),
                        help="last month tested; default: the last of the data")  # fmt: skip
    parser.add_argument("--candidate", default="tfidf", help="family, default tfidf")
    parser.add_argument("--min-tag-counts", default="5,1",
                        help="comma-separated, today's first, default 5,1")  # fmt: skip
    parser.add_argument("--every", default="7", metavar="DAYS",
                        help="days between refits, comma-separated, default 7")  # fmt: skip
    parser.add_argument("--surge", action="store_true",
                        help="also monthly with refits when new tags surge")  # fmt: skip
    parser.add_argument("--events", default="",
                        help="months, comma-separated; default: those that gain most")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module."""
    options = parse(arguments)
    data = load(options.data, options.site)
    last = options.last or month_of(data.asked_at[-1])
    months = months_between(options.first or add_months(last, 1 - DEFAULT_MONTHS_TESTED), last)
    counts, every = (
        [int(number) for number in given.split(",")]
        for given in (options.min_tag_counts, options.every)
    )
    events = [check_month(month) for month in options.events.split(",") if month]
    if missing := sorted(set(events) - set(months)):
        raise SystemExit(f"event {missing[0]} is not among the tested months")
    replays = {}
    with Progress(console=Console(stderr=True)) as progress:
        for name, rule in rules_of(counts, every, surge=options.surge).items():
            task = progress.add_task(name, total=len(months))
            replays[name] = replay(
                data,
                months,
                rule,
                lambda: make_candidate(options.candidate, None, no_encoder),
                _advancing(progress, task),
            )
    title = f"F1@5 over all questions, {options.candidate}, {months[0]} .. {months[-1]}"
    show(Console(width=150), replays, title)
    found = events_of(data, replays, events, counts[0])
    sys.stdout.write(json.dumps(result_of(data, replays, found)) + "\n")


def _advancing(progress: Progress, task: Any) -> Callable[[], None]:
    return lambda: progress.advance(task)


if __name__ == "__main__":
    main()
