"""
What stops a month whose tags are wrong, and what it would cost: faults put into real months.

    python -m tests.benchmarks.bench_poison --data FILE.jsonl.gz [--from 2019-10] [--to 2019-10]

For each month the champion is fitted on the window before it, as is the tested model, and the
refitted one, which would be served, on the window that ends with the month. The month's
tags are its own (``clean``), or exchanged among its questions (``exchanged``: all of them, ``half``:
of every second question), or with one tag more on all of them (``one_tag``: a new one,
``common_tag``: the month's commonest). Each is told by the check of labels, the gate and the check of the refitted model, as in a training; ``goes_live`` is what
comes of it. With ``--learned`` the fault is in the month before instead, which the champion learned
with its right tags, as if they had been read again from a source that failed. ``next_month`` is F1@5 over all questions of the refitted model minus the champion's on
the month after, were it served.

The last line is one JSON object: ``months`` {month: {fault: {``labels``, ``gate``, ``refit`` (whether
each lets it pass), ``goes_live``, ``refit_loss``, ``next_month``}}} and ``summary`` {fault:
{``months``, ``went_live``, ``stopped_by`` {check: count}, ``next_month`` (mean)}}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from include.candidates.base import Candidate, vocabulary_of
from include.candidates.catalogue import make_candidate
from include.evaluation.metrics import DEPTH, score_questions
from include.evaluation.selection import Gate, apply_gate
from include.jobs.data.datasets import SplitMonths, split_by_time, split_slice_masks
from include.jobs.training.label_check import label_faults
from include.jobs.training.refit_check import compare_refit, learned_by_both, spread_tag
from include.months import add_months, check_month, month_start, months_between
from include.text.prepared import LabelledTexts
from tests.benchmarks.bench_quality import add_data, load
from tests.benchmarks.drift_loop import no_encoder

BOOTSTRAP: Final = {"samples": 2000, "seed": 20240229}
GATE: Final = Gate(rule="not_worse", min_gain=0.0, max_slice_loss=0.05, **BOOTSTRAP)
CHECKS: Final = ("labels", "gate", "refit")

Fault = Callable[[LabelledTexts, np.random.Generator], LabelledTexts]


def exchanged(month: LabelledTexts, random: np.random.Generator, every: int = 1) -> LabelledTexts:
    """Return the month with the tags of every n-th question exchanged among these."""
    rows = np.arange(0, len(month), every)
    tags = list(month.tags)
    for row, other in zip(rows, random.permutation(rows), strict=True):
        tags[row] = month.tags[other]
    return replace(month, tags=tuple(tags))


def with_common_tag(month: LabelledTexts, random: np.random.Generator) -> LabelledTexts:
    """Return the month with its commonest tag on every question."""
    [(tag, _)] = Counter(tag for tags in month.tags for tag in tags).most_common(1)
    others = [[own for own in tags if own != tag] for tags in month.tags]
    return replace(month, tags=tuple((tag, *own[:4]) for own in others))


def with_one_tag(month: LabelledTexts, random: np.random.Generator) -> LabelledTexts:
    """Return the month with one more tag on every question."""
    return replace(month, tags=tuple((*tags[:4], "poison") for tags in month.tags))


FAULTS: Final[Mapping[str, Fault]] = {
    "clean": lambda month, random: month,
    "exchanged": exchanged,
    "half": lambda month, random: exchanged(month, random, every=2),
    "one_tag": with_one_tag,
    "common_tag": with_common_tag,
}


def f1_all(candidate: Candidate, questions: LabelledTexts) -> NDArray[np.float64]:
    """Return F1@5 over all tags of each question."""
    ranked = suggested(candidate, questions)
    return score_questions(ranked, questions.tags, candidate.vocabulary).f1_all(5)


def suggested(candidate: Candidate, questions: LabelledTexts) -> list[list[str]]:
    """Return the ten best tags of each question, best first."""
    return [[one.tag for one in row] for row in candidate.rank(questions.texts, DEPTH)]


def judge(
    data: LabelledTexts, month: str, window_months: int, candidate: str, seed: int, *, learned: bool
) -> dict[str, dict[str, Any]]:
    """Return what becomes of a month under each fault; see the module."""

    def of(first: str, last: str) -> LabelledTexts:
        start, end = month_start(first), month_start(add_months(last, 1))
        return data.take(range(bisect_left(data.asked_at, start), bisect_left(data.asked_at, end)))

    def fitted(questions: LabelledTexts) -> Candidate:
        vocabulary = vocabulary_of(questions.tags, 1)
        return make_candidate(candidate, None, no_encoder).fit(
            questions.texts, questions.tags, vocabulary
        )

    before = add_months(month, -1)
    first, shared_first = add_months(month, -window_months), add_months(month, 1 - window_months)
    right = of(first, before)
    champion = fitted(right)
    following = of(add_months(month, 1), add_months(month, 1))
    kept = f1_all(champion, following)
    found = {}
    for name, fault in FAULTS.items():
        random = np.random.default_rng(seed)
        train, test = right, of(month, month)
        if learned:
            train = of(first, add_months(month, -2)) + fault(of(before, before), random)
        else:
            test = fault(test, random)
        tested = fitted(train) if learned else champion
        shared = train.take(
            range(bisect_left(train.asked_at, month_start(shared_first)), len(train))
        )
        known = learned_by_both(train, shared.asked_at[0])
        split = split_by_time(
            train + test, SplitMonths(first, before, month), site="poisoned", min_tag_count=1
        )
        decision = apply_gate(
            f1_all(tested, test), f1_all(champion, test), split_slice_masks(split), GATE
        )
        served = fitted(shared + test)
        spread = spread_tag(suggested(tested, known), suggested(served, known), known.tags)
        refit = compare_refit(f1_all(tested, known), f1_all(served, known), spread, **BOOTSTRAP)
        passed = {
            "labels": not label_faults(train, test),
            "gate": decision.promote,
            "refit": refit is None or refit.passed,
        }
        found[name] = passed | {
            "goes_live": all(passed.values()),
            "refit_loss": None if refit is None else round(-refit.difference.mean, 4),
            "next_month": round(float((f1_all(served, following) - kept).mean()), 4),
        }
    return found


def summary(months: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return counts and means over the months, for each fault."""
    result = {}
    for fault in FAULTS:
        rows = [found[fault] for found in months.values()]
        stopped = Counter(check for row in rows for check in CHECKS if not row[check])
        result[fault] = {
            "months": len(rows),
            "went_live": sum(row["goes_live"] for row in rows),
            "stopped_by": {check: stopped[check] for check in CHECKS},
            "next_month": round(float(np.mean([row["next_month"] for row in rows])), 4),
        }
    return result


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; each one's default is the environment variable of its name."""
    env = {name: value for name, value in os.environ.items() if value}
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_poison",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser, env)
    parser.add_argument("--from", dest="first", type=check_month, default=env.get("FROM", "2019-10"),
                        help="first poisoned month, default 2019-10")  # fmt: skip
    parser.add_argument("--to", dest="last", type=check_month, default=env.get("TO"),
                        help="last poisoned month; default: the first")  # fmt: skip
    parser.add_argument("--learned", action="store_true",
                        help="put the fault into the month before, which is learned")  # fmt: skip
    parser.add_argument("--window-months", type=int, default=6, help="months learned, default 6")
    parser.add_argument("--candidate", default="tfidf", help="family, default tfidf")
    parser.add_argument("--seed", type=int, default=1, help="of the exchanges, default 1")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module."""
    options = parse(arguments)
    data = load(options.data, options.site)
    months = {}
    for month in months_between(options.first, options.last or options.first):
        months[month] = judge(
            data,
            month,
            options.window_months,
            options.candidate,
            options.seed,
            learned=options.learned,
        )
        sys.stderr.write(f"{month} judged\n")
    found = summary(months)
    table = Table(
        "fault", "months", "went live", *(f"stopped by {c}" for c in CHECKS), "next month"
    )
    for fault, row in found.items():
        stopped = (str(count) for count in row["stopped_by"].values())
        table.add_row(
            fault, str(row["months"]), str(row["went_live"]), *stopped, f"{row['next_month']:+.4f}"
        )
    Console(width=120).print(table)
    sys.stdout.write(json.dumps({"months": months, "summary": found}) + "\n")


if __name__ == "__main__":
    main()
