"""
Label trees of omikuji and napkinxc beside ``linear`` and ``tfidf``: F1, time and memory.

    python -m tests.benchmarks.bench_trees --data FILE.jsonl.gz --months 2019-03,2019-09
    python -m tests.benchmarks.bench_trees --questions 20000

Neither library is a requirement: run it in an environment that has them (0.5.2 and 0.7.2). Both get
the TF-IDF vectors of ``linear``, and their scores are the ranking, without the second stage. Each
training is a process of its own and takes one thread. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from include.candidates.base import vocabulary_of
from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.candidates.labels import label_matrix
from include.candidates.term_vectors import TermVectors
from include.evaluation.metrics import DEPTH, score_questions, summarise
from include.memory_budget import resident_memory
from include.months import month_of
from include.names import CANDIDATES
from include.sandbox.large_site import LargeSite, large_questions
from include.text.prepared import LabelledTexts, PreparedText
from tests.benchmarks.drift_loop import labelled
from tests.benchmarks.drift_real import read_questions
from tests.benchmarks.scale_serving import no_encoder

METHODS = ("linear", "tfidf", "omikuji", "napkinxc")
MIN_TAG_COUNT = 5
TIMED = 100
TESTED = 2_000
TITLE_WEIGHT, MIN_QUESTIONS, MAX_TERMS = 3.0, 2, 400_000

Rank = Callable[[PreparedText], list[str]]
"""The best tags of a question."""


def measure(method: str, train: LabelledTexts, test: LabelledTexts, folder: Path) -> dict[str, Any]:
    """Train and test a method; return its figures."""
    vocabulary = vocabulary_of(train.tags, MIN_TAG_COUNT)
    started = time.process_time()
    with resident_memory() as memory:
        save = FITS.get(method, fit_family)(method, train, vocabulary, folder)
    seconds = time.process_time() - started
    rank = save()
    ranked, times = [], []
    for text in test.texts:
        begin = time.perf_counter()
        ranked.append(rank(text))
        times.append(time.perf_counter() - begin)
    scores = summarise(score_questions(ranked, test.tags, frozenset(vocabulary)))
    return {
        "questions": len(train),
        "tested": len(test),
        "tags": len(vocabulary),
        **{f"f1@{k}": scores[f"f1@{k}"] for k in (5, 3, 1)},
        "train_cpu_s": seconds,
        "train_mb": memory.peak_mb - memory.before_mb,
        "rank_ms": 1e3 * float(np.median(times[:TIMED])),
        "size_mb": sum(path.stat().st_size for path in folder.rglob("*")) / 1e6,
    }


def fit_family(
    method: str, train: LabelledTexts, vocabulary: Sequence[str], folder: Path
) -> Callable[[], Rank]:
    """Fit a candidate; return what saves it and loads it as the service does."""
    candidate = make_candidate(method, None, no_encoder)
    candidate.fit(train.texts, train.tags, vocabulary)

    def save() -> Rank:
        save_candidate(candidate, folder / method, {})
        served = load_candidate(folder / method, no_encoder)
        return lambda text: [suggestion.tag for suggestion in served.rank([text], DEPTH)[0]]

    return save


def fit_omikuji(
    method: str, train: LabelledTexts, vocabulary: Sequence[str], folder: Path
) -> Callable[[], Rank]:
    """Fit three balanced trees of omikuji, with its defaults, from a file in its format."""
    import omikuji

    terms, vectors = TermVectors.fit(train.texts, TITLE_WEIGHT, MIN_QUESTIONS, MAX_TERMS)
    labels = label_matrix(train.tags, vocabulary)
    with TemporaryDirectory() as work:
        path = Path(work) / "train.txt"
        with path.open("w", encoding="ascii") as file:
            file.write(f"{len(train)} {vectors.shape[1]} {len(vocabulary)}\n")
            for row in range(len(train)):
                known = labels.indices[labels.indptr[row] : labels.indptr[row + 1]]
                part = slice(vectors.indptr[row], vectors.indptr[row + 1])
                pairs = zip(vectors.indices[part], vectors.data[part], strict=True)
                file.write(",".join(map(str, known)) + " ")
                file.write(" ".join(f"{column}:{value:.6g}" for column, value in pairs) + "\n")
        model = omikuji.Model.train_on_data(str(path), n_threads=1)

    def save() -> Rank:
        model.save(str(folder / method))

        def rank(text: PreparedText) -> list[str]:
            columns, values = terms.vector(text)
            pairs = list(zip(columns.tolist(), values.tolist(), strict=True))
            return [vocabulary[label] for label, _ in model.predict(pairs, top_k=DEPTH)]

        return rank

    return save


def fit_napkinxc(
    method: str, train: LabelledTexts, vocabulary: Sequence[str], folder: Path
) -> Callable[[], Rank]:
    """Fit a probabilistic label tree of napkinxc, with its defaults."""
    import scipy.sparse as sp
    from napkinxc.models import PLT

    terms, vectors = TermVectors.fit(train.texts, TITLE_WEIGHT, MIN_QUESTIONS, MAX_TERMS)
    labels = label_matrix(train.tags, vocabulary)
    rows = [labels.indices[a:b].tolist() for a, b in zip(labels.indptr, labels.indptr[1:])]  # noqa: B905
    model = PLT(str(folder / method), threads=1, seed=0)
    model.fit(sp.csr_matrix(vectors), rows)

    def save() -> Rank:
        def rank(text: PreparedText) -> list[str]:
            columns, values = terms.vector(text)
            row = sp.csr_matrix((values, columns, [0, len(columns)]), shape=(1, vectors.shape[1]))
            return [vocabulary[label] for label in model.predict(row, top_k=DEPTH)[0]]

        return rank

    return save


FITS: dict[str, Callable[..., Callable[[], Rank]]] = {
    "omikuji": fit_omikuji,
    "napkinxc": fit_napkinxc,
}


def read(options: argparse.Namespace, month: str) -> tuple[LabelledTexts, LabelledTexts]:
    """Return the questions to train on and those to test on."""
    if options.data is None:
        site = LargeSite.with_questions_before_the_last_month(options.questions, 13)
        made = list(large_questions(site))
        data, month = labelled(made[: options.questions + TESTED]), month_of(made[-1].asked_at)
    else:
        questions = read_questions(options.data)
        data = labelled(sorted(questions, key=lambda one: (one.asked_at, one.question_id)))
    asked = np.array([month_of(moment) for moment in data.asked_at])
    return data.take(asked < month), data.take(asked == month)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all methods on each month; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_trees")
    parser.add_argument("--data", type=Path, help="questions, jsonl.gz; default: simulated ones")
    parser.add_argument("--months", default="last", help="months tested, comma-separated")
    parser.add_argument("--questions", type=int, default=20_000, help="simulated ones to train on")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        method, month = options.one
        with TemporaryDirectory() as folder:
            print(json.dumps(measure(method, *read(options, month), Path(folder))))
        return
    methods = options.methods.split(",")
    if missing := [name for name in methods if name not in CANDIDATES and not find_spec(name)]:
        parser.error(f"not installed: {', '.join(missing)}; install or choose others by --methods")
    results: dict[str, dict[str, Any]] = {}
    for month in options.months.split(","):
        for method in methods:
            command = [sys.executable, "-m", "tests.benchmarks.bench_trees", "--one", method, month]
            command += ["--data", str(options.data)] if options.data else []
            command += ["--questions", str(options.questions)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results[f"{method} {month}"] = json.loads(done.stdout.splitlines()[-1])
            print(f"{method} {month}: {results[f'{method} {month}']}", flush=True)
    print(json.dumps(results))  # the benchmark's result


if __name__ == "__main__":
    main()
