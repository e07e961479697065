"""
How good the suggestions are: every month tested after training on all months before it.

    python -m tests.benchmarks.bench_quality [--data FILE.jsonl.gz] [--from 2019-01] [--to 2019-12]

Without data, the simulator's questions. Beside the candidates, in the same run, fastText one-vs-all
and TF-IDF with one-vs-rest logistic regression. Vectors are kept on disk, so a second run embeds
nothing. ``--candidates none --peers none`` trains nothing and says what a perfect ranker would reach.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from include.candidates.base import Candidate, EncoderFactory, vocabulary_of
from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.candidates.encoders import encoder_factory
from include.candidates.suggested_set import SET_DEPTH, SET_LIMIT
from include.evaluation.bootstrap import paired_difference
from include.evaluation.metrics import DEPTH, QuestionScores, pool, score_questions, summarise
from include.evaluation.reliability import reliability_curve
from include.evaluation.suggested import THRESHOLDS, ScoredTags, threshold_figures
from include.months import add_months, check_month, month_of, months_between
from include.names import CANDIDATES
from include.sandbox.simulator import simulate
from include.text.prepared import LabelledTexts
from tests.benchmarks.drift_loop import labelled
from tests.benchmarks.drift_real import read_questions
from tests.benchmarks.embedding_cache import file_cached
from tests.benchmarks.quality_peers import PEERS, CalibratedPeer

DEFAULT_MONTHS_TESTED = 12
RANKED_ONE_BY_ONE = 50
RESAMPLES = 2000
EXACT_DRAWS = 200
PEER_TITLES = {"fasttext": "peer: fastText one-vs-all", "tfidf_logistic": "peer: TF-IDF + logistic"}


@dataclass
class Course:
    """What became of one candidate or peer, month by month."""

    scores: dict[str, QuestionScores] = field(default_factory=dict)
    scored: list[ScoredTags] = field(default_factory=list)
    train_s: list[float] = field(default_factory=list)
    rank_ms: float = float("nan")
    size_mb: float = float("nan")

    def set_f1(self) -> list[NDArray[np.float64]]:
        """F1 of the tags suggested outright, per question, month by month."""
        return [month.suggested().f1 for month in self.scored]

    def set_ceiling(self) -> list[NDArray[np.float64]]:
        """F1 of all true tags in the vocabulary and no other, per question, month by month."""
        return [set_ceiling(scores) for scores in self.scores.values()]

    def calibration_error(self) -> float:
        """Expected calibration error of the first five suggestions, over all months."""
        return first_five_ece(
            np.concatenate([month.scores for month in self.scored]),
            np.concatenate([month.found for month in self.scored]),
        )

    def by_month(self) -> dict[str, dict[str, float]]:
        """Return the figures of each month that its questions are enough for."""
        return {
            month: {
                "questions": len(scores),
                "f1@5": round(summarise(scores)["f1@5"], 4),
                "f1_suggested": round(float(scored.suggested().f1.mean()), 4),
                "ceiling_suggested": round(float(set_ceiling(scores).mean()), 4),
                "ece": round(first_five_ece(scored.scores, scored.found), 4),
                "ece_if_exact": round(exact_ece(scored.scores), 4),
            }
            for (month, scores), scored in zip(self.scores.items(), self.scored, strict=True)
        }

    def thresholds(self) -> dict[str, float]:
        """Precision, recall and share of questions answered by minimum score, over all months."""
        pooled = ScoredTags(
            np.concatenate([month.scores for month in self.scored]),
            np.concatenate([month.found for month in self.scored]),
            np.concatenate([month.true_count for month in self.scored]),
        )
        return {name: round(value, 4) for name, value in threshold_figures(pooled).items()}

    def test(self, model: Candidate | CalibratedPeer, split: TimeSplit) -> None:
        """Test a trained model on a month."""
        ranked = model.rank(split.test.texts, SET_DEPTH)
        tags = [[suggestion.tag for suggestion in row] for row in ranked]
        scores = [[suggestion.score for suggestion in row] for row in ranked]
        self.scores[split.month] = score_questions(tags, split.test.tags, split.vocabulary)
        self.scored.append(ScoredTags.of(tags, scores, split.test.tags))

    def figures(self) -> dict[str, float]:
        """The keys that the last line promises, and what the table shows beside them."""
        means = summarise(pool(list(self.scores.values())))
        kinds = ("f1", "ceiling", "f1_all", "ceiling_all")
        names = [f"{kind}@{k}" for kind in kinds for k in range(1, DEPTH + 1)]
        names += ["coverage", f"recall@{DEPTH}", f"recall_all@{DEPTH}"]
        rounded = {name: round(means[name], 4) for name in names}
        rounded["f1_suggested"] = round(float(np.concatenate(self.set_f1()).mean()), 4)
        rounded["ceiling_suggested"] = round(float(np.concatenate(self.set_ceiling()).mean()), 4)
        rounded["ece"] = round(self.calibration_error(), 4)
        return rounded | {
            "train_s": round(float(np.mean(self.train_s)), 2),
            "rank_ms": round(self.rank_ms, 3),
            "size_mb": round(self.size_mb, 2),
        }


def set_ceiling(scores: QuestionScores) -> NDArray[np.float64]:
    """Return the F1 of the set of all true tags in the vocabulary, shape (n_questions,)."""
    reached = np.minimum(scores.reachable_count, SET_LIMIT)
    means: NDArray[np.float64] = 2 * reached / (reached + scores.true_count)
    return means


def first_five_ece(scores: NDArray[np.float64], found: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of each question's first five suggestions."""
    return reliability_curve(scores[:, :DEPTH], found[:, :DEPTH]).ece


def exact_ece(scores: NDArray[np.float64]) -> float:
    """Return the mean error that these scores would show by chance alone, were they exactly right.

    Outcomes are drawn with the scores as probabilities, `EXACT_DRAWS` times.
    """
    rng = np.random.default_rng(0)
    draws = [first_five_ece(scores, rng.random(scores.shape) < scores) for _ in range(EXACT_DRAWS)]
    return float(np.mean(draws))


@dataclass(frozen=True)
class TimeSplit:
    """One month: what is learned from, what is tested."""

    month: str
    train: LabelledTexts
    test: LabelledTexts
    vocabulary: tuple[str, ...]

    @property
    def last_texts(self) -> tuple[Any, ...]:
        return self.test.texts[-RANKED_ONE_BY_ONE:]


def splits(data: LabelledTexts, months: Sequence[str], min_tag_count: int) -> list[TimeSplit]:
    """Split by time only; months without questions are left out."""
    asked = np.array([month_of(moment) for moment in data.asked_at])
    made = []
    for month in months:
        train, test = (data.take(mask) for mask in (asked < month, asked == month))
        if len(train) and len(test):
            made.append(TimeSplit(month, train, test, vocabulary_of(train.tags, min_tag_count)))
    return made


def run_candidate(
    name: str,
    parts: Sequence[TimeSplit],
    cached: EncoderFactory,
    real: EncoderFactory,
    advance: Callable[[], None],
) -> Course:
    """Train and test every month; time one question with the real encoders, from the saved model."""
    course = Course()
    for split in parts:
        begin = time.perf_counter()
        candidate = make_candidate(name, None, cached)
        candidate.fit(split.train.texts, split.train.tags, split.vocabulary)
        course.train_s.append(time.perf_counter() - begin)
        course.test(candidate, split)
        advance()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / name
        save_candidate(candidate, folder, {})
        course.size_mb = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
        served = load_candidate(folder, real)
        course.rank_ms = median_ms(lambda text: served.rank([text], DEPTH), parts[-1].last_texts)
    return course


def run_peer(name: str, parts: Sequence[TimeSplit], advance: Callable[[], None]) -> Course:
    course = Course()
    for split in parts:
        begin = time.perf_counter()
        peer = CalibratedPeer(PEERS[name])
        peer.fit(split.train.texts, split.train.tags, split.vocabulary)
        course.train_s.append(time.perf_counter() - begin)
        course.test(peer, split)
        advance()
    course.size_mb = peer.size_bytes() / 1e6
    course.rank_ms = median_ms(lambda text: peer.rank([text], DEPTH), parts[-1].last_texts)
    return course


def median_ms(rank: Callable[[Any], object], texts: Sequence[Any]) -> float:
    """Median over texts, one at a time, after one that warms up."""
    rank(texts[0])
    times = []
    for text in texts:
        begin = time.perf_counter()
        rank(text)
        times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1e3


def ceilings(parts: Sequence[TimeSplit]) -> dict[str, dict[str, float]]:
    """Return what a perfect ranker reaches by month, and over all months under ``all``."""
    scores = {
        split.month: score_questions([()] * len(split.test), split.test.tags, split.vocabulary)
        for split in parts
    }
    return {
        month: {
            name: round(value, 4) for name, value in summarise(one).items() if "ceiling" in name
        }
        | {"ceiling_suggested": round(float(set_ceiling(one).mean()), 4), "questions": len(one)}
        for month, one in {"all": pool(list(scores.values())), **scores}.items()
    }


def show_ceilings(out: Console, found: Mapping[str, Mapping[str, float]], title: str) -> None:
    names = list(found["all"])
    table = Table(title=f"A perfect ranker's F1, {title}")
    for heading in ("month", *names):
        table.add_column(heading, justify="right")
    for month, row in found.items():
        table.add_row(month, *(f"{row[name]:g}" for name in names))
    out.print(table)


def show(
    out: Console, courses: dict[str, Course], best: str, parts: Sequence[TimeSplit], title: str
) -> None:
    figures = {name: course.figures() for name, course in courses.items()}
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for k in range(1, DEPTH + 1):
        table.add_column(f"F1@{k}", justify="right")
    headings = (f"all@{DEPTH}", "suggested", "ece", "best by, 95 %", "train s", "one ms", "MB")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in figures.items():
        table.add_row(
            f"[bold]{name}[/bold]" if name == best else PEER_TITLES.get(name, name),
            *(f"{row[f'f1@{k}']:.3f}" for k in range(1, DEPTH + 1)),
            f"{row[f'f1_all@{DEPTH}']:.3f}",
            f"{row['f1_suggested']:.3f}",
            f"{row['ece']:.3f}",
            "" if name == best else behind(courses[best], courses[name]),
            f"{row['train_s']:.1f}",
            f"{row['rank_ms']:.2f}",
            f"{row['size_mb']:.1f}",
        )
    out.print(table)
    shared = figures[best]
    out.print(
        f"A perfect ranker reaches F1@{DEPTH} {shared[f'ceiling@{DEPTH}']:.3f} capped, "
        f"{shared[f'ceiling_all@{DEPTH}']:.3f} over all questions; "
        f"the vocabulary covers {shared['coverage']:.1%} of tag uses."
    )
    out.print(share_table(figures))
    out.print(threshold_table(courses))
    monthly = Table(title=f"F1@{DEPTH} month by month, after training on all months before")
    for heading in ("month", "trained on", "tested", "tags", *courses):
        monthly.add_column(heading, justify="right")
    for split in parts:
        monthly.add_row(
            split.month,
            f"{len(split.train):,}",
            str(len(split.test)),
            str(len(split.vocabulary)),
            *(
                f"{summarise(course.scores[split.month])[f'f1@{DEPTH}']:.3f}"
                for course in courses.values()
            ),
        )
    out.print(monthly)
    out.print(set_table(courses))


def share_table(figures: Mapping[str, Mapping[str, float]]) -> Table:
    """Return F1 over all questions and tags beside its share of the ceiling."""
    columns = {"suggested set": ("f1_suggested", "ceiling_suggested")} | {
        f"{k} tags": (f"f1_all@{k}", f"ceiling_all@{k}") for k in range(1, DEPTH + 1)
    }
    table = Table(title="F1 over all questions and tags, share of a perfect ranker's")
    table.add_column("", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in figures.items():
        table.add_row(
            PEER_TITLES.get(name, name),
            *(f"{row[f1]:.3f} {row[f1] / row[ceiling]:.1%}" for f1, ceiling in columns.values()),
        )
    return table


def set_table(courses: Mapping[str, Course]) -> Table:
    """Return the suggested set's F1 and the calibration error of each month."""
    months = {name: course.by_month() for name, course in courses.items()}
    table = Table(
        title="F1 of the suggested set / calibration error (that of exactly right scores) by month"
    )
    table.add_column("month", no_wrap=True)
    for name in months:
        table.add_column(name, justify="right", no_wrap=True)
    for month in next(iter(months.values())):
        table.add_row(
            month,
            *(
                f"{found[month]['f1_suggested']:.3f} / {found[month]['ece']:.3f} "
                f"({found[month]['ece_if_exact']:.3f})"
                for found in months.values()
            ),
        )
    return table


def threshold_table(courses: dict[str, Course]) -> Table:
    """Precision / share of questions answered, of tags from a minimum score on."""
    table = Table(title="precision / questions answered, by minimum score")
    table.add_column("", no_wrap=True)
    for threshold in THRESHOLDS:
        table.add_column(f"{threshold:g}", justify="right")
    for name, course in courses.items():
        found = course.thresholds()
        table.add_row(
            PEER_TITLES.get(name, name),
            *(
                f"{found.get(f'precision_from_{one:g}', float('nan')):.3f} / "
                f"{found[f'answered_from_{one:g}']:.3f}"
                for one in THRESHOLDS
            ),
        )
    return table


def behind(best: Course, other: Course) -> str:
    """How far behind at k = 5, with the interval of a paired bootstrap over the questions."""
    first, second = (pool(list(course.scores.values())) for course in (best, other))
    has_reachable_tag = first.has_reachable_tag
    gap = paired_difference(
        first.f1(DEPTH)[has_reachable_tag],
        second.f1(DEPTH)[has_reachable_tag],
        samples=RESAMPLES,
        seed=0,
    )
    return f"{gap.mean:.3f} [{gap.low:.3f}, {gap.high:.3f}]".replace("[", r"\[")


def load(data: Path | None, site: str | None) -> LabelledTexts:
    """Read and prepare the questions, oldest first."""
    questions = read_questions(data) if data else list(simulate().questions)
    chosen = [question for question in questions if site in (None, question.site)]
    if not chosen:
        known = ", ".join(sorted({question.site for question in questions}))
        raise SystemExit(f"no question of site {site!r}; the data has: {known}")
    return labelled(sorted(chosen, key=lambda question: (question.asked_at, question.question_id)))


def add_data(parser: argparse.ArgumentParser, env: Mapping[str, str]) -> None:
    """Add the options that `load` reads."""
    parser.add_argument("--data", type=Path, default=env.get("DATA"),
                        help="questions, jsonl.gz; default: the simulator's")  # fmt: skip
    parser.add_argument("--site", default=env.get("SITE"), help="only questions of this site")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    env = {name: value for name, value in os.environ.items() if value}
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Each option's default is the environment variable of its name in capitals.",
    )
    add_data(parser, env)
    parser.add_argument("--from", dest="first", type=check_month, default=env.get("FROM"),
                        help="first month tested; default: eleven before the last")  # fmt: skip
    parser.add_argument("--to", dest="last", type=check_month, default=env.get("TO"),
                        help="last month tested; default: the last of the data")  # fmt: skip
    parser.add_argument("--min-tag-count", type=int, default=env.get("MIN_TAG_COUNT", 5),
                        help="uses that put a tag in the vocabulary, default 5")  # fmt: skip
    parser.add_argument("--candidates", default=env.get("CANDIDATES", ",".join(CANDIDATES)),
                        help="comma-separated, default all; 'none' for none")  # fmt: skip
    parser.add_argument("--peers", default=env.get("PEERS", ",".join(PEERS)),
                        help="comma-separated, default both; 'none' for none")  # fmt: skip
    parser.add_argument("--cache", type=Path, default=env.get("CACHE", ".local/cache"),
                        help="folder of the vectors, default .local/cache")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; see the module."""
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    options = parse(arguments)
    begin = time.perf_counter()
    data = load(options.data, options.site)
    last = options.last or month_of(data.asked_at[-1])
    first = options.first or add_months(last, 1 - DEFAULT_MONTHS_TESTED)
    parts = splits(data, months_between(first, last), options.min_tag_count)
    if not parts:
        raise SystemExit(f"no month of {first} .. {last} has questions and questions before it")
    title = f"{options.data.name if options.data else 'simulator'}, {first} .. {last}"
    candidates = [name for name in options.candidates.split(",") if name != "none"]
    peers = [name for name in options.peers.split(",") if name != "none"]
    if not candidates:
        if peers:
            raise SystemExit("peers are compared with candidates: name one, such as frequency")
        found = ceilings(parts)
        show_ceilings(Console(width=150), found, title)
        sys.stdout.write(json.dumps({"ceilings": found}) + "\n")
        return

    courses: dict[str, Course] = {}
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:  # fmt: skip
        real = encoder_factory(os.environ.get("BERT_MODEL") or None)
        cached = file_cached(real, Path(options.cache), progress.console.log)
        for name in [*candidates, *peers]:
            task = progress.add_task(name, total=len(parts))

            def advance(task: Any = task) -> None:
                progress.advance(task)

            courses[name] = (
                run_candidate(name, parts, cached, real, advance)
                if name in candidates
                else run_peer(name, parts, advance)
            )
    figures = {name: course.figures() for name, course in courses.items()}
    best = max(candidates, key=lambda name: figures[name][f"f1@{DEPTH}"])
    show(Console(width=150), courses, best, parts, title)
    result = {
        "candidates": {name: figures[name] for name in candidates},
        "peers": {name: figures[name] for name in peers},
        "best": best,
        "months": {name: course.by_month() for name, course in courses.items()},
        "thresholds": {name: course.thresholds() for name, course in courses.items()},
        "questions": sum(len(split.test) for split in parts),
        "seconds": round(time.perf_counter() - begin, 1),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
