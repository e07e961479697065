"""
What tags cost that people have not settled yet: a share of a month's questions gets other tags.

    python -m tests.benchmarks.bench_labels --data FILE.jsonl.gz --months 2019-02,2019-05

In each month a share of the questions (0, 1, 2, 5, 10, 20 %) loses a tag or has one replaced by another, drawn by
frequency, half of them each; no other month is touched. tfidf as the platform fits it, on the window before the
month. Three uses of the month's tags:

- check: ``fall`` of F1@5 over all tags against the reference period, beside ``threshold``; ``more_fall`` than with
  the settled tags, beside what `YoungLabels.explained_fall` makes of the tags' ``agreement``; how often ``f1_fall``
  alerts and any other signal does;
- gate: the model of a month before as champion against one that has learned the last month: gain of F1@5, and how
  often the verdict is another than with the settled tags;
- training: F1@5 in the month after, with settled tags, of a model that has learned the month with such tags, minus
  that with the settled ones (``next_month``).

Check and gate are means of ``--draws`` draws of the questions. The last line is one JSON object: ``months``
{month: {share: row}} and ``summary`` {share: row}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from include.drift.calibration import calibrate_thresholds
from include.drift.samples import build_samples
from include.drift.signal_catalogue import MONTHLY_ALERTING_SIGNALS, calculate_signals
from include.drift.young_labels import YoungLabels
from include.evaluation.selection import apply_gate
from include.jobs.data.datasets import SplitMonths, split_by_time, split_slice_masks
from include.jobs.data.observations import in_months, observe_suggestions
from include.jobs.ingestion.settled_labels import tag_f1
from include.months import add_months, check_month, months_between
from include.store.label_readings import FIRST_READ_DAYS
from include.text.prepared import LabelledTexts
from tests.benchmarks.bench_poison import GATE, f1_all
from tests.benchmarks.bench_quality import add_data, load
from tests.benchmarks.drift_loop import fit_with_reference, train

SHARES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)


def unsettled(
    month: LabelledTexts, share: float, others: Sequence[str], random: np.random.Generator
) -> LabelledTexts:
    """Return the month with one tag less, or another one, on a share of its questions."""
    tags = list(month.tags)
    rows = random.choice(len(month), round(share * len(month)), replace=False)
    for i, row in enumerate(rows):
        own = list(tags[row])
        place = random.integers(len(own))
        if i % 2 and len(own) > 1:
            own.pop(place)
        else:
            own[place] = others[random.integers(len(others))]
        tags[row] = tuple(dict.fromkeys(own))
    return replace(month, tags=tuple(tags))


def judge(
    data: LabelledTexts, month: str, window: int, draws: int, min_tag_count: int, seed: int
) -> dict[str, dict[str, float]]:
    """Return the figures of each share; see the module."""

    def of(first: str, last: str) -> LabelledTexts:
        return data.take(in_months(data, months_between(first, last)))

    first, before, after = (add_months(month, n) for n in (-window, -1, 1))
    training_months = tuple(months_between(first, before))
    model = fit_with_reference(data, training_months, [], min_tag_count, seed)
    older = months_between(add_months(first, -1), add_months(month, -2))
    champion = train(data, older, min_tag_count)
    window_questions, settled = of(first, before), of(month, month)
    others = tuple(chain.from_iterable(window_questions.tags))
    months = SplitMonths(first, before, month)
    calibration = None
    found: dict[str, dict[str, float]] = {}
    right: bool | None = None
    for share in SHARES:
        random = np.random.default_rng(seed)
        rows: list[dict[str, float]] = []
        for _ in range(draws if share else 1):
            young = unsettled(settled, share, others, random)
            analysis = observe_suggestions(model.candidate, young, None)
            reference, checked, history = build_samples(model.reference, analysis, model.history)
            calibration = calibration or calibrate_thresholds(
                reference,
                len(checked),
                history=history,
                vocabulary=model.vocabulary,
                signals=MONTHLY_ALERTING_SIGNALS,
                false_alarms_per_year=0.5,
                seed=seed,
            )
            values = calculate_signals(reference, checked)
            alarms = {value.signal for value in calibration.alarms(values)}
            agreement = float(np.mean(list(map(tag_f1, young.tags, settled.tags))))
            labels = YoungLabels(1.0, FIRST_READ_DAYS, agreement, 1)
            split = split_by_time(
                window_questions + young, months, site="labels", min_tag_count=min_tag_count
            )
            tested, kept = f1_all(model.candidate, young), f1_all(champion, young)
            promote = apply_gate(tested, kept, split_slice_masks(split), GATE).promote
            right = promote if right is None else right
            rows.append(
                {
                    "fall": next(v.value for v in values if v.signal == "f1_fall"),
                    "agreement": agreement,
                    "explained": labels.explained_fall(float(np.mean(model.reference.f1 or 0.0))),
                    "threshold": calibration.thresholds["f1_fall"],
                    "alerts": "f1_fall" in alarms,
                    "other_alerts": bool(alarms - {"f1_fall"}),
                    "gain": float((tested - kept).mean()),
                    "other_verdicts": promote != right,
                }
            )
        served = train(
            replace_month(data, young), months_between(add_months(first, 1), month), min_tag_count
        )
        row = {key: float(np.mean([one[key] for one in rows])) for key in rows[0]}
        row["next_month"] = float(f1_all(served, of(after, after)).mean())
        found[f"{share:g}"] = row
    base = dict(found["0"])
    for row in found.values():
        row["more_fall"] = row["fall"] - base["fall"]
        row["next_month"] -= base["next_month"]
    return {
        share: {key: round(value, 4) for key, value in row.items()} for share, row in found.items()
    }


def replace_month(data: LabelledTexts, young: LabelledTexts) -> LabelledTexts:
    """Return all questions with the given tags of one month's; the order by time is kept."""
    start, end = young.asked_at[0], young.asked_at[-1]
    before = data.take([i for i, asked in enumerate(data.asked_at) if asked < start])
    after = data.take([i for i, asked in enumerate(data.asked_at) if asked > end])
    return before + young + after


def summary(months: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Return the mean of each figure over the months, for each share."""
    return {
        share: {
            key: round(float(np.mean([found[share][key] for found in months.values()])), 4)
            for key in row
        }
        for share, row in next(iter(months.values())).items()
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; each one's default is the environment variable of its name."""
    env = {name: value for name, value in os.environ.items() if value}
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_labels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser, env)
    parser.add_argument("--months", default=env.get("MONTHS", "2019-02,2019-05,2019-08,2019-11"),
                        help="comma-separated; default 2019-02,2019-05,2019-08,2019-11")  # fmt: skip
    parser.add_argument("--window-months", type=int, default=12, help="months learned, default 12")
    parser.add_argument("--draws", type=int, default=5, help="of the questions, default 5")
    parser.add_argument("--min-tag-count", type=int, default=env.get("MIN_TAG_COUNT", 1),
                        help="uses that put a tag in the vocabulary, default 1")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module."""
    options = parse(arguments)
    data = load(options.data, options.site)
    months = {}
    for month in options.months.split(","):
        months[month] = judge(
            data,
            check_month(month),
            options.window_months,
            options.draws,
            options.min_tag_count,
            options.seed,
        )
        sys.stderr.write(f"{month} {json.dumps(months[month])}\n")
    found = summary(months)
    columns = (
        "more_fall", "explained", "threshold", "alerts", "other_alerts", "gain", "other_verdicts",
        "next_month",
    )  # fmt: skip
    table = Table("share", *(column.replace("_", " ") for column in columns))
    for share, row in found.items():
        table.add_row(share, *(f"{row[column]:+.4f}" for column in columns))
    Console(width=120).print(table)
    sys.stdout.write(json.dumps({"months": months, "summary": found}) + "\n")


if __name__ == "__main__":
    main()
