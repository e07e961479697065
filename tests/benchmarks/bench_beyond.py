"""
The most that tags beyond the vocabulary could gain between two fits, whatever ranked them.

    python -m tests.benchmarks.bench_beyond --data FILE.jsonl.gz [--from 2018-01] [--to 2018-12]

A model knows the tags that were used when it was fitted, by the month or by the week. Beyond it are
three lists: tags seen since, known two days late, as a service could know them (``seen``); tags
used before the very question, an oracle (``used``); and every tag that the file ever has, more than a
site's list of tags can know (``listed``). For each: its share of all tag uses, the share of these
whose name is in the title or prose, how many names stand there of tags that the question does not
bear, and the gain of F1@5 over all questions by a ranker that is never wrong and pushes out only
wrong suggestions: with every tag of the list (``gain``), and with those named alone
(``gain_named``). No model is fitted.

The last line is one JSON object: {fits: {list: figures}}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.table import Table

from include.candidates.base import vocabulary_of
from include.candidates.mentions import MentionFinder
from include.evaluation.metrics import DEPTH
from include.evaluation.refreshes import LABEL_DELAY
from include.months import add_months, check_month, month_of, months_between
from include.text.prepared import LabelledTexts
from tests.benchmarks.bench_quality import add_data, load
from tests.benchmarks.cadence_rules import Rule, fits_of

LISTS: Final = ("seen", "used", "listed")
FITS: Final = {"monthly": None, "weekly": timedelta(days=7)}


@dataclass
class Bound:
    """Sums over questions, of one list of tags beyond the vocabulary."""

    questions: int = 0
    all_uses: int = 0
    uses: int = 0
    named: int = 0
    named_wrongly: int = 0
    gain: float = 0.0
    gain_named: float = 0.0

    def add(self, true_tags: Sequence[str], beyond: set[str], named: set[str]) -> None:
        """Count a question: its tags, those that are beyond the vocabulary, and all named ones."""
        borne, total = beyond & set(true_tags), len(true_tags)
        self.questions += 1
        self.all_uses += total
        self.uses += len(borne)
        self.named += len(borne & named)
        self.named_wrongly += len((beyond & named) - borne)
        # Each hit adds two over the sizes of both sets; five tags are suggested
        self.gain += 2 * min(DEPTH, len(borne)) / (DEPTH + total)
        self.gain_named += 2 * min(DEPTH, len(borne & named)) / (DEPTH + total)

    def figures(self) -> dict[str, float | int]:
        """Return uses and names as counted, and gains as means over all questions."""
        means = {name: round(getattr(self, name) / self.questions, 5) for name in GAINS}
        return asdict(self) | means


GAINS: Final = ("gain", "gain_named")


def bounds_of(
    data: LabelledTexts, months: Sequence[str], every: timedelta | None
) -> dict[str, Bound]:
    """Return the bound of each list, with tags in the vocabulary from their first use."""
    everything = sorted({tag for tags in data.tags for tag in tags})
    finder = MentionFinder(everything)
    found = {name: Bound() for name in LISTS}
    for month in months:
        for fit in fits_of(Rule(every, 1), month):
            known = set(vocabulary_of(data.tags[: bisect_left(data.asked_at, fit.known)], 1))
            first, last = (bisect_left(data.asked_at, at) for at in (fit.start, fit.end))
            used = {tag for tags in data.tags[:first] for tag in tags} - known
            seen, until = set[str](), bisect_left(data.asked_at, fit.known)
            for row in range(first, last):
                while data.asked_at[until] < data.asked_at[row] - LABEL_DELAY:
                    seen |= set(data.tags[until]) - known
                    until += 1
                mentions = finder.find(data.texts[row])
                whole = mentions.columns[mentions.values[:, :2].any(axis=1)]
                named = {everything[column] for column in whole} - known
                lists = (seen, used, set(data.tags[row]) - known | named)
                for bound, beyond in zip(found.values(), lists, strict=True):
                    bound.add(data.tags[row], beyond, named)
                used |= set(data.tags[row]) - known
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options; each one's default is the environment variable of its name."""
    env = {name: value for name, value in os.environ.items() if value}
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_beyond",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser, env)
    parser.add_argument("--from", dest="first", type=check_month, default=env.get("FROM"),
                        help="first month; default: eleven before the last")  # fmt: skip
    parser.add_argument("--to", dest="last", type=check_month, default=env.get("TO"),
                        help="last month; default: the last of the data")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module."""
    options = parse(arguments)
    data = load(options.data, options.site).tagged()
    last = options.last or month_of(data.asked_at[-1])
    months = months_between(options.first or add_months(last, -11), last)
    result = {
        name: {key: bound.figures() for key, bound in bounds_of(data, months, every).items()}
        for name, every in FITS.items()
    }
    headings = ("uses", "of all", "named", "named wrongly", "gain of F1@5", "by named ones")
    table = Table("fits", "tags", *headings, title=f"{months[0]} .. {months[-1]}")
    for name, lists in result.items():
        for key, row in lists.items():
            table.add_row(
                name,
                key,
                str(row["uses"]),
                f"{row['uses'] / row['all_uses']:.4f}",
                str(row["named"]),
                str(row["named_wrongly"]),
                *(f"{row[gain]:.4f}" for gain in GAINS),
            )
    Console(width=110).print(table)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
