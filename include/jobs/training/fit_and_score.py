"""Fit one candidate on a split and measure it: pure but for the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, top_k
from include.evaluation.evaluation import Evaluation, Ranking, evaluate
from include.evaluation.slices import GATED, TITLE_ONLY, WITHOUT_COMMON
from include.jobs.data.datasets import Split, TrainingData, masks_of
from include.jobs.training.question_results import QuestionResults
from include.store.models import Figure
from include.text.prepared import LabelledTexts, PreparedText

RANK_DEPTH: Final = 10
"""Deeper than is served, so that common tags can be looked past (`slices.score_without`)."""
_TIMED: Final = 20
_BATCH: Final = 1024
SLICES_SHOWN: Final = (*GATED, TITLE_ONLY, WITHOUT_COMMON)


@dataclass(frozen=True, slots=True)
class Measured:
    """
    A trained candidate and how it did.

    Parameters
    ----------
    results : QuestionResults
    evaluation : Evaluation
    rank_ms : float
        Milliseconds to rank one question, median of up to twenty, each asked alone; NaN if that
        was not measured.
    """

    results: QuestionResults
    evaluation: Evaluation
    rank_ms: float


def fit(candidate: Candidate, data: TrainingData) -> float:
    """Train ``candidate`` on ``data`` and return the seconds it took."""
    started = time.perf_counter()
    candidate.fit(data.questions.texts, data.questions.tags, data.vocabulary)
    return time.perf_counter() - started


def measure(candidate: Candidate, split: Split) -> Measured:
    """Return how a trained candidate does on the split's test month."""
    results = rank_questions(candidate, split.test)
    return Measured(
        results=results,
        evaluation=evaluate_results(results, split),
        rank_ms=_milliseconds_to_rank(candidate, split.test.texts[:_TIMED]),
    )


def measure_whole_texts(candidate: Candidate, split: Split) -> Measured:
    """Return how a trained candidate does on the test month; titles alone and speed left out."""
    results = rank_questions(candidate, split.test, titles_too=False)
    return Measured(results, evaluate_results(results, split), rank_ms=float("nan"))


def rank_questions(
    candidate: Candidate, questions: LabelledTexts, *, titles_too: bool = True
) -> QuestionResults:
    """Return a trained candidate's suggestions, with and (``titles_too``) without the bodies."""
    tags, scores = _ranked(candidate, questions.texts)
    title_only: list[list[str]] = [[] for _ in tags]
    if titles_too:
        # a vector is kept by question and content, so a bare title's lies beside the question's own
        titles = [replace(text, prose="", code="") for text in questions.texts]
        title_only, _ = _ranked(candidate, titles)
    return QuestionResults(
        question_ids=[_question_id(text) for text in questions.texts],
        ranking=Ranking(tags, scores),
        title_only=title_only,
        vocabulary=candidate.vocabulary,
    )


def evaluate_results(results: QuestionResults, split: Split) -> Evaluation:
    """Return the figures of results that are of the split's test questions, in their order."""
    return evaluate(
        results.ranking,
        split.test.tags,
        results.vocabulary,
        masks=masks_of(split),
        title_only=results.title_only if any(results.title_only) else None,
    )


def figures_to_store(evaluation: Evaluation) -> list[Figure]:
    """Return an evaluation as rows: every metric of every slice, calibration beside the whole."""
    rows = [
        Figure(name, metric, value, part.question_count)
        for name, part in evaluation.slices.items()
        for metric, value in part.figures.items()
    ]
    calibration = {"ece": evaluation.calibration.ece, "brier": evaluation.calibration.brier}
    count = len(evaluation.scores)
    return rows + [Figure("all", metric, value, count) for metric, value in calibration.items()]


def _ranked(
    candidate: Candidate, texts: Sequence[PreparedText]
) -> tuple[list[list[str]], list[list[float]]]:
    """Return tags and scores, best first, without building a score matrix of the whole month."""
    tags: list[list[str]] = []
    scores: list[list[float]] = []
    for start in range(0, len(texts), _BATCH):
        matrix: NDArray[np.float32] = candidate.score(texts[start : start + _BATCH])
        best = top_k(matrix, RANK_DEPTH)
        tags += [[candidate.vocabulary[column] for column in row] for row in best]
        scores += np.take_along_axis(matrix, best, axis=1).astype(float).tolist()
    return tags, scores


def _milliseconds_to_rank(candidate: Candidate, texts: Sequence[PreparedText]) -> float:
    """Return the median time of ranking one text alone; keyless, so no cached vector helps."""
    taken = []
    for text in texts:
        started = time.perf_counter()
        candidate.rank([replace(text, key=None)], 5)
        taken.append((time.perf_counter() - started) * 1000)
    return float(np.median(taken))


def _question_id(text: PreparedText) -> int:
    """Return the stored question's id."""
    assert text.key is not None, "stored questions have keys"
    return text.key[1]
