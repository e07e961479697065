"""All figures of one model on one test month."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.evaluation.metrics import DEPTH, QuestionScores, score_questions, summarise
from include.evaluation.per_tag import TagFigures, figures_per_tag
from include.evaluation.reliability import ReliabilityCurve, reliability_curve
from include.evaluation.slices import TITLE_ONLY, WITHOUT_COMMON, common_tags, score_without
from include.evaluation.suggested import ScoredTags, threshold_figures

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Ranking:
    """
    Suggestions of a model, best first; the two sequences are parallel.

    Parameters
    ----------
    tags : sequence of sequences of str, length n
        Best first, deeper than DEPTH where common tags are left out of a slice.
    scores : sequence of sequences of float, length n
        In [0, 1], parallel to ``tags``.
    """

    tags: Sequence[Sequence[str]]
    scores: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class SliceFigures:
    """
    Every metric (`metrics.summarise`) over the questions of one slice.

    With scores there are those of `suggested.SuggestedSets` as well, and over all questions those
    of `suggested.threshold_figures`.
    """

    question_count: int
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    One model on one month.

    Parameters
    ----------
    scores : QuestionScores
        Of all questions.
    slices : dict of str to SliceFigures
        `ALL` first; empty slices are left out.
    tags : list of TagFigures
        Most used first.
    calibration : ReliabilityCurve
        Of the first DEPTH suggestions.
    slice_calibration : dict of str to ReliabilityCurve
        The same of each slice's questions; without slices that have no suggestion.
    """

    scores: QuestionScores
    slices: dict[str, SliceFigures]
    tags: list[TagFigures]
    calibration: ReliabilityCurve
    slice_calibration: dict[str, ReliabilityCurve]

    @property
    def figures(self) -> dict[str, float]:
        """The metrics over all questions."""
        return self.slices[ALL].figures


def evaluate(
    ranking: Ranking,
    true_tags: Sequence[Collection[str]],
    vocabulary: Collection[str],
    *,
    masks: Mapping[str, NDArray[np.bool_]],
    title_only: Sequence[Sequence[str]] | None = None,
    strict_tags: Sequence[Collection[str]] | None = None,
) -> Evaluation:
    """
    Evaluate a model's suggestions against the true tags, over all questions and by slice.

    Parameters
    ----------
    ranking : Ranking
    true_tags : sequence of collections of str, length n
        At least one tag each.
    vocabulary : collection of str
        The tags that the model can suggest.
    masks : mapping of str to ndarray of bool, shape (n,)
        As `slices.slice_masks` returns them.
    title_only : sequence of sequences of str or None
        Suggestions for the titles of the same questions alone, best first.
    strict_tags : sequence of collections of str or None
        The true tags as people wrote them, where synonyms were replaced in ``true_tags``: then
        ``f1_all_strict@5`` counts a canonical tag in place of its synonym as wrong.

    Raises
    ------
    FixInputError
        If lengths differ, a question has no true tag, or there is no question.
    """
    scores = score_questions(ranking.tags, true_tags, vocabulary)
    parts = {ALL: scores} | {name: scores.take(mask) for name, mask in masks.items()}
    if title_only is not None:
        parts[TITLE_ONLY] = score_questions(title_only, true_tags, vocabulary)
    if common := common_tags(true_tags):
        parts[WITHOUT_COMMON] = score_without(common, ranking.tags, true_tags, vocabulary)
    first_scores = _padded(ranking.scores)
    scored = ScoredTags.of(ranking.tags, ranking.scores, true_tags)
    suggested = scored.suggested()
    of_sets = {ALL: suggested.figures() | threshold_figures(scored)}
    of_sets |= {name: suggested.take(mask).figures() for name, mask in masks.items()}
    strict = (
        scores if strict_tags is None else score_questions(ranking.tags, strict_tags, vocabulary)
    )
    of_sets[ALL]["f1_all_strict@5"] = float(strict.f1_all(DEPTH).mean())
    return Evaluation(
        scores=scores,
        slices={
            name: SliceFigures(len(part), summarise(part) | of_sets.get(name, {}))
            for name, part in parts.items()
            if len(part)
        },
        tags=figures_per_tag(ranking.tags, true_tags),
        calibration=reliability_curve(first_scores, scores.found),
        slice_calibration={
            name: reliability_curve(first_scores[mask], scores.found[mask])
            for name, mask in masks.items()
            if np.isfinite(first_scores[mask]).any()
        },
    )


def _padded(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the first DEPTH scores of each row, NaN where there are fewer."""
    padded = np.full((len(rows), DEPTH), np.nan)
    for position, row in enumerate(rows):
        padded[position, : len(row[:DEPTH])] = row[:DEPTH]
    return padded
