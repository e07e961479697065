"""
How far F1 estimated from scores, before true tags are known, is from F1 measured later.

    python -m tests.benchmarks.bench_estimated_loss --data FILE.jsonl.gz [--from 2018-01] [--to 2018-12]

A model is fitted on every question before the first month, and again before each month (``monthly``)
or never (``frozen``). Beside the estimate stands what is known without it: F1 of the last month whose
tags were known when the model was fitted (``last_known``).

Both are of F1@5 and of F1 of the tags that are suggested outright, each over all tags.

The last line is one JSON object: ``months`` {rule: {figure: {month: {``measured``, ``estimated``,
``low``, ``high``, ``last_known``}}}} and ``errors`` {rule: {figure: {``months``, ``estimated`` and
``last_known`` (mean absolute error), ``bias`` (mean of estimate minus measurement), ``inside``
(months whose measurement is within the interval)}}}; the figures are ``f1_all@5`` and ``f1_suggested``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from include.candidates.base import Candidate, vocabulary_of
from include.candidates.catalogue import make_candidate
from include.candidates.suggested_set import SET_DEPTH
from include.drift.estimated_f1 import estimated_f1
from include.evaluation.metrics import DEPTH, score_questions
from include.evaluation.suggested import ScoredTags
from include.months import add_months, check_month, month_start, months_between
from include.text.prepared import LabelledTexts
from tests.benchmarks.bench_quality import add_data, load
from tests.benchmarks.drift_loop import no_encoder

FIVE: Final = "f1_all@5"
SUGGESTED: Final = "f1_suggested"
Figures = dict[str, dict[str, float]]
"""By month, what was measured and what was estimated."""


@dataclass(frozen=True)
class Answers:
    """
    A model's suggestions for n questions whose true tags are known.

    Parameters
    ----------
    scores : ndarray, shape (n, DEPTH)
    sizes : mapping of str to ndarray of int, shape (n,)
        By figure, how many of the first suggestions it counts.
    f1 : mapping of str to float
        By figure, measured.
    tag_counts : ndarray of int, shape (n,)
    """

    scores: NDArray[np.float64]
    sizes: Mapping[str, NDArray[np.int64]]
    f1: Mapping[str, float]
    tag_counts: NDArray[np.int64]


def answers(candidate: Candidate, questions: LabelledTexts) -> Answers:
    """Return what a model suggests for questions."""
    ranked = candidate.rank(questions.texts, SET_DEPTH)
    tags = [[one.tag for one in row] for row in ranked]
    five = score_questions(tags, questions.tags, candidate.vocabulary).f1_all(DEPTH).mean()
    scored = ScoredTags.of(tags, [[one.score for one in row] for row in ranked], questions.tags)
    chosen = scored.suggested()
    return Answers(
        scored.scores[:, :DEPTH],
        {FIVE: np.full(len(ranked), DEPTH), SUGGESTED: chosen.count},
        {FIVE: float(five), SUGGESTED: float(chosen.f1.mean())},
        scored.true_count,
    )


def replay(
    data: LabelledTexts, months: Sequence[str], candidate: str, *, frozen: bool
) -> dict[str, Figures]:
    """Return measured and estimated F1 of each month, by figure."""

    def asked(first: str | None, last: str) -> LabelledTexts:
        start = bisect_left(data.asked_at, month_start(first)) if first else 0
        return data.take(range(start, bisect_left(data.asked_at, month_start(add_months(last, 1)))))

    def fitted(until: str) -> Candidate:
        train = asked(None, until)
        model = make_candidate(candidate, None, no_encoder)
        return model.fit(train.texts, train.tags, vocabulary_of(train.tags, 1))

    found: dict[str, Figures] = {FIVE: {}, SUGGESTED: {}}
    model = known = None
    for month in months:
        if model is None or known is None or not frozen:
            before = add_months(month, -1)
            known = answers(fitted(add_months(before, -1)), asked(before, before))
            model = fitted(before)
        now = answers(model, asked(month, month))
        for figure, rows in found.items():
            estimate = estimated_f1(now.scores, known.tag_counts, now.sizes[figure])
            rows[month] = {
                "measured": round(now.f1[figure], 4),
                "estimated": round(estimate.mean, 4),
                "low": round(estimate.low, 4),
                "high": round(estimate.high, 4),
                "last_known": round(known.f1[figure], 4),
            }
        sys.stderr.write(f"{month} replayed\n")
    return found


def errors(months: Figures) -> dict[str, Any]:
    """Return the mean errors over months."""
    rows = list(months.values())
    differences = np.array([row["estimated"] - row["measured"] for row in rows])
    known = np.array([row["last_known"] - row["measured"] for row in rows])
    return {
        "months": len(rows),
        "estimated": round(float(np.abs(differences).mean()), 4),
        "last_known": round(float(np.abs(known).mean()), 4),
        "bias": round(float(differences.mean()), 4),
        "inside": sum(row["low"] <= row["measured"] <= row["high"] for row in rows),
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; each one's default is the environment variable of its name."""
    env = {name: value for name, value in os.environ.items() if value}
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_estimated_loss",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser, env)
    parser.add_argument("--from", dest="first", type=check_month, default=env.get("FROM", "2018-01"),
                        help="first month, default 2018-01")  # fmt: skip
    parser.add_argument("--to", dest="last", type=check_month, default=env.get("TO", "2018-12"),
                        help="last month, default 2018-12")  # fmt: skip
    parser.add_argument("--candidate", default="tfidf", help="family, default tfidf")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module."""
    options = parse(arguments)
    data = load(options.data, options.site)
    months = months_between(options.first, options.last)
    found = {
        name: replay(data, months, options.candidate, frozen=name == "frozen")
        for name in ("monthly", "frozen")
    }
    for figure in (FIVE, SUGGESTED):
        table = Table("month", "measured", "estimated", "95 % interval", "last known", title=figure)
        for name, rows in found.items():
            table.add_section()
            table.add_row(name)
            for month, row in rows[figure].items():
                interval = f"{row['low']:.3f} to {row['high']:.3f}"
                figures = (f"{row[key]:.3f}" for key in ("measured", "estimated"))
                table.add_row(month, *figures, interval, f"{row['last_known']:.3f}")
        Console(width=100).print(table)
    of_rules = {
        name: {figure: errors(rows) for figure, rows in by_figure.items()}
        for name, by_figure in found.items()
    }
    sys.stdout.write(json.dumps({"months": found, "errors": of_rules}) + "\n")


if __name__ == "__main__":
    main()
