"""Everything that is said about one model on one month, in one value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.evaluation.calibration import Calibration, calibrate
from include.evaluation.metrics import DEPTH, QuestionScores, score_questions, summarise
from include.evaluation.per_tag import TagFigures, figures_per_tag
from include.evaluation.slices import TITLE_ONLY, WITHOUT_COMMON, common_tags, score_without

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Ranking:
    """
    What a model suggested; the two sequences run in parallel.

    Parameters
    ----------
    tags : sequence of sequences of str, length n
        Best first, deeper than DEPTH where there are common tags to look past.
    scores : sequence of sequences of float, length n
        In [0, 1], parallel to ``tags``.
    """

    tags: Sequence[Sequence[str]]
    scores: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class SliceFigures:
    """Every metric (see `metrics.summarise`) over the questions of one slice."""

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
    calibration : Calibration
        Of the first DEPTH suggestions.
    """

    scores: QuestionScores
    slices: dict[str, SliceFigures]
    tags: list[TagFigures]
    calibration: Calibration

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
) -> Evaluation:
    """
    Compare a model's suggestions with the truth, in the whole and slice by slice.

    Parameters
    ----------
    ranking : Ranking
    true_tags : sequence of collections of str, length n
        At least one tag each.
    vocabulary : collection of str
        The tags that the model could have suggested.
    masks : mapping of str to ndarray of bool, shape (n,)
        As `slices.slice_masks` returns them.
    title_only : sequence of sequences of str or None
        Suggested when the same questions were asked without their bodies, best first.

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
    return Evaluation(
        scores=scores,
        slices={
            name: SliceFigures(len(part), summarise(part))
            for name, part in parts.items()
            if len(part)
        },
        tags=figures_per_tag(ranking.tags, true_tags),
        calibration=calibrate(_padded(ranking.scores), scores.found),
    )


def _padded(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the first DEPTH scores of each row, NaN where there are fewer."""
    padded = np.full((len(rows), DEPTH), np.nan)
    for place, row in enumerate(rows):
        padded[place, : len(row[:DEPTH])] = row[:DEPTH]
    return padded
