"""
How good the tags are that are suggested outright, and what a threshold would change. Pure.

The set of each question is that of `include.candidates.suggested_set`. It is chosen from the scores
alone, so nothing of the tested month decides about it. Figures are over all questions and tags; a
question without a suggestion counts with an F1 of 0.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.suggested_set import SET_DEPTH, SET_LIMIT, suggested_counts

F1_SUGGESTED: Final = "f1_suggested"
"""F1 of the tags that are suggested outright."""
THRESHOLDS: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Minimum scores for which figures are stored."""
THRESHOLD_METRICS: Final = tuple(
    f"{metric}_from_{threshold:g}"
    for threshold in THRESHOLDS
    for metric in ("precision", "recall", "answered")
)
"""Names of what `threshold_figures` returns."""


@dataclass(frozen=True, slots=True, eq=False)
class SuggestedSets:
    """
    The outcome of one set of tags per question.

    Parameters
    ----------
    hits, count, true_count : ndarray of int, shape (n_questions,)
        True tags in the set, tags in the set, true tags of the question (>= 1).
    """

    hits: NDArray[np.int64]
    count: NDArray[np.int64]
    true_count: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> SuggestedSets:
        """Return the questions at a boolean mask."""
        return SuggestedSets(self.hits[rows], self.count[rows], self.true_count[rows])

    @property
    def f1(self) -> NDArray[np.float64]:
        """``2 * hits / (count + true_count)``, shape (n_questions,); 0 for an empty set."""
        means: NDArray[np.float64] = 2 * self.hits / (self.count + self.true_count)
        return means

    @property
    def precision(self) -> float:
        """Share of all suggested tags that are true; NaN if none is suggested."""
        return _share(self.hits.sum(), self.count.sum())

    @property
    def recall(self) -> float:
        """Share of all true tags that are suggested; NaN without questions."""
        return _share(self.hits.sum(), self.true_count.sum())

    @property
    def answered(self) -> float:
        """Share of questions with at least one suggested tag; NaN without questions."""
        return _share((self.count > 0).sum(), len(self.count))

    def figures(self) -> dict[str, float]:
        """Return the metrics by name, each in [0, 1]; the precision only if a tag is suggested."""
        return _known(
            {
                F1_SUGGESTED: _share(self.f1.sum(), len(self.count)),
                "precision_suggested": self.precision,
                "recall_suggested": self.recall,
                "answered_suggested": self.answered,
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class ScoredTags:
    """
    The best tags of each question with their outcome.

    Parameters
    ----------
    scores : ndarray of float, shape (n_questions, SET_DEPTH)
        Best first; 0 beyond the last.
    found : ndarray of bool, shape (n_questions, SET_DEPTH)
    true_count : ndarray of int, shape (n_questions,)
    """

    scores: NDArray[np.float64]
    found: NDArray[np.bool_]
    true_count: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        tags: Sequence[Sequence[str]],
        scores: Sequence[Sequence[float]],
        true_tags: Sequence[Collection[str]],
    ) -> ScoredTags:
        """Return the best tags of parallel sequences; see `evaluation.Ranking`."""
        padded = np.zeros((len(tags), SET_DEPTH))
        found = np.zeros((len(tags), SET_DEPTH), dtype=np.bool_)
        for row, (ranked, its_scores, true) in enumerate(zip(tags, scores, true_tags, strict=True)):
            padded[row, : len(ranked[:SET_DEPTH])] = its_scores[:SET_DEPTH]
            found[row, : len(ranked[:SET_DEPTH])] = [tag in true for tag in ranked[:SET_DEPTH]]
        return cls(padded, found, np.array([len(set(tags)) for tags in true_tags], dtype=np.int64))

    def suggested(self) -> SuggestedSets:
        """Return the sets that are suggested outright."""
        return self._first(suggested_counts(self.scores))

    def from_score(self, threshold: float) -> SuggestedSets:
        """Return the sets of tags that reach a threshold in (0, 1], `SET_LIMIT` at most."""
        return self._first((self.scores[:, :SET_LIMIT] >= threshold).sum(axis=1))

    def _first(self, count: NDArray[np.intp]) -> SuggestedSets:
        chosen = np.arange(SET_DEPTH) < count[:, np.newaxis]
        hits = (self.found & chosen).sum(axis=1, dtype=np.int64)
        return SuggestedSets(hits, count.astype(np.int64), self.true_count)


def threshold_figures(scored: ScoredTags) -> dict[str, float]:
    """
    Return precision, recall and share of questions answered for each of `THRESHOLDS`, by name.

    Each is in [0, 1]; there is no precision where no tag reaches the threshold.
    """
    figures: dict[str, float] = {}
    for threshold in THRESHOLDS:
        sets = scored.from_score(threshold)
        figures[f"precision_from_{threshold:g}"] = sets.precision
        figures[f"recall_from_{threshold:g}"] = sets.recall
        figures[f"answered_from_{threshold:g}"] = sets.answered
    return _known(figures)


def threshold_table(figures: Mapping[str, float | None]) -> dict[str, list[float | None]]:
    """
    Return what `threshold_figures` stored as the columns of a table, a row per threshold.

    Columns: ``score from``, ``precision``, ``recall``, ``questions answered``; no row without
    figures, None for an unknown one.

    Parameters
    ----------
    figures : mapping of str to float or None
        Also with other metrics.
    """
    rows = [one for one in THRESHOLDS if figures.get(f"answered_from_{one:g}") is not None]

    def column(metric: str) -> list[float | None]:
        return [figures.get(f"{metric}_from_{threshold:g}") for threshold in rows]

    return {
        "score from": list(rows),
        "precision": column("precision"),
        "recall": column("recall"),
        "questions answered": column("answered"),
    }


def _known(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def _share(part: float | np.number, whole: float | np.number) -> float:
    return float(part / whole) if whole else float("nan")
