"""Precision and recall by tag. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from include.errors import FixInputError
from include.evaluation.metrics import DEPTH


@dataclass(frozen=True, slots=True)
class TagFigures:
    """
    Precision and recall of one tag, as counts.

    Parameters
    ----------
    tag : str
    use_count : int
        Questions that have the tag.
    suggested_count : int
        Questions for which it was suggested.
    hit_count : int
        Questions with both.
    """

    tag: str
    use_count: int
    suggested_count: int
    hit_count: int

    @property
    def precision(self) -> float:
        """Share of its suggestions that were right, in [0, 1]; NaN if never suggested."""
        return self.hit_count / self.suggested_count if self.suggested_count else float("nan")

    @property
    def recall(self) -> float:
        """Share of its uses that were suggested, in [0, 1]; NaN if never used."""
        return self.hit_count / self.use_count if self.use_count else float("nan")


def figures_per_tag(
    ranked: Sequence[Sequence[str]], true_tags: Sequence[Collection[str]], k: int = DEPTH
) -> list[TagFigures]:
    """
    Count uses, suggestions among the first ``k``, and hits of every tag, most used first.

    Raises
    ------
    FixInputError
        If the lengths differ.
    """
    if len(ranked) != len(true_tags):
        raise FixInputError(f"{len(ranked)} rankings for {len(true_tags)} questions")
    uses, suggestions, hits = Counter[str](), Counter[str](), Counter[str]()
    for suggested, tags in zip(ranked, true_tags, strict=True):
        true, top = set(tags), set(suggested[:k])
        uses.update(true)
        suggestions.update(top)
        hits.update(true & top)
    return sorted(
        (TagFigures(tag, uses[tag], suggestions[tag], hits[tag]) for tag in uses | suggestions),
        key=lambda figures: (-figures.use_count, -figures.suggested_count, figures.tag),
    )
