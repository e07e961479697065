"""Evaluate a fitted candidate on a split. Pure except for the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from include.candidates.base import Candidate
from include.evaluation.evaluation import Evaluation, Ranking, evaluate
from include.jobs.data.datasets import TimeSplit, split_slice_masks
from include.jobs.training.question_results import QuestionResults
from include.store.models import MetricValue
from include.text.prepared import LabelledTexts, PreparedText

RANK_DEPTH: Final = 10
"""More than is served, so that common tags can be left out (`slices.score_without`)."""
_TIMED_QUESTIONS: Final = 20
_BATCH_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """
    Evaluation of a fitted candidate with its predictions and speed.

    Parameters
    ----------
    results : QuestionResults
    evaluation : Evaluation
    rank_ms : float
        Milliseconds to rank one question, the median of up to twenty that are ranked one by one;
        NaN if not measured.
    """

    results: QuestionResults
    evaluation: Evaluation
    rank_ms: float


def measure(candidate: Candidate, split: TimeSplit) -> Measurement:
    """Evaluate a fitted candidate on the split's test month."""
    results = rank_questions(candidate, split.test)
    return Measurement(
        results=results,
        evaluation=evaluate_results(results, split),
        rank_ms=_milliseconds_to_rank(candidate, split.test.texts[:_TIMED_QUESTIONS]),
    )


def measure_full_texts(candidate: Candidate, split: TimeSplit) -> Measurement:
    """Evaluate a fitted candidate on the test month, without the title-only slice and the speed."""
    results = rank_questions(candidate, split.test, titles_too=False)
    return Measurement(results, evaluate_results(results, split), rank_ms=float("nan"))


def rank_questions(
    candidate: Candidate, questions: LabelledTexts, *, titles_too: bool = True
) -> QuestionResults:
    """Return a fitted candidate's suggestions, with and (``titles_too``) without the bodies."""
    tags, scores = _ranked(candidate, questions.texts)
    title_only: list[list[str]] = [[] for _ in tags]
    if titles_too:
        # embeddings are cached by question and content: the title's is a row of its own
        titles = [replace(text, prose="", code="") for text in questions.texts]
        title_only, _ = _ranked(candidate, titles)
    return QuestionResults(
        question_ids=[_question_id(text) for text in questions.texts],
        ranking=Ranking(tags, scores),
        title_only=title_only,
        vocabulary=candidate.vocabulary,
    )


def evaluate_results(results: QuestionResults, split: TimeSplit) -> Evaluation:
    """Return the evaluation of results that cover the split's test questions in their order."""
    return evaluate(
        results.ranking,
        split.test.tags,
        results.vocabulary,
        masks=split_slice_masks(split),
        title_only=results.title_only if any(results.title_only) else None,
        strict_tags=split.test.tags_as_asked,
    )


def figures_to_store(evaluation: Evaluation) -> list[MetricValue]:
    """Return an evaluation as rows: every metric of every slice, with its calibration error."""
    rows = [
        MetricValue(name, metric, value, part.question_count)
        for name, part in evaluation.slices.items()
        for metric, value in part.figures.items()
    ]
    calibration = {"ece": evaluation.calibration.ece, "brier": evaluation.calibration.brier}
    count = len(evaluation.scores)
    rows += [
        MetricValue(name, "ece", curve.ece, evaluation.slices[name].question_count)
        for name, curve in evaluation.slice_calibration.items()
    ]
    return rows + [
        MetricValue("all", metric, value, count) for metric, value in calibration.items()
    ]


def _ranked(
    candidate: Candidate, texts: Sequence[PreparedText]
) -> tuple[list[list[str]], list[list[float]]]:
    """Return tags and scores, best first, in batches: a month's score matrix would be large."""
    tags: list[list[str]] = []
    scores: list[list[float]] = []
    for start in range(0, len(texts), _BATCH_SIZE):
        columns, best = candidate.best_columns(texts[start : start + _BATCH_SIZE], RANK_DEPTH)
        tags += [[candidate.vocabulary[column] for column in row] for row in columns.tolist()]
        scores += best.astype(float).tolist()
    return tags, scores


def _milliseconds_to_rank(candidate: Candidate, texts: Sequence[PreparedText]) -> float:
    """Return the median time to rank one text; without keys, so that no embedding is cached."""
    times_ms = []
    for text in texts:
        started = time.perf_counter()
        candidate.rank([replace(text, key=None)], 5)
        times_ms.append((time.perf_counter() - started) * 1000)
    return float(np.median(times_ms))


def _question_id(text: PreparedText) -> int:
    """Return the stored question's id."""
    assert text.key is not None, "stored questions have keys"
    return text.key[1]
