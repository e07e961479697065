"""
Metrics of ranked tag suggestions. Pure: tags in, arrays per question and their means out.

Two families of metrics answer two questions:

* **capped**, over the questions that have at least one true tag inside the vocabulary, as PTM4Tag
  (He et al., ICPC 2022) and Post2Vec (Xu et al., TSE 2021) publish them: how well does the model
  rank the tags of its vocabulary? Names: ``precision@k``, ``recall@k``, ``f1@k``, ``ceiling@k``.
* over **all** questions, against every true tag: how useful are the suggestions? A question whose
  tags are all outside the vocabulary scores 0. Names: ``recall_all@k``, ``f1_all@k``,
  ``ceiling_all@k``, ``hit_rate@k``, ``mrr``, ``ndcg@5``, ``coverage``. True tags are canonical;
  ``f1_all_strict@5`` is against the tags as people wrote them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError

DEPTH: Final = 5

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class QuestionScores:
    """
    Outcomes of each question, from which every metric, slice and bootstrap is calculated.

    Parameters
    ----------
    found : ndarray of bool, shape (n_questions, DEPTH)
        True where the suggestion at that rank is a true tag; False beyond the last suggestion.
    true_count : ndarray of int, shape (n_questions,)
        True tags of the question, >= 1.
    reachable_count : ndarray of int, shape (n_questions,)
        True tags inside the vocabulary, 0..true_count.
    """

    found: NDArray[np.bool_]
    true_count: NDArray[np.int64]
    reachable_count: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.true_count)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> QuestionScores:
        """Return the questions at a boolean mask or an array of positions."""
        return QuestionScores(self.found[rows], self.true_count[rows], self.reachable_count[rows])

    @property
    def has_reachable_tag(self) -> NDArray[np.bool_]:
        """Questions with a true tag inside the vocabulary, shape (n_questions,)."""
        return self.reachable_count > 0

    def hits(self, k: int) -> NDArray[np.int64]:
        """Return the true tags among the first ``k`` suggestions, shape (n_questions,)."""
        counts: NDArray[np.int64] = self.found[:, : _checked(k)].sum(axis=1, dtype=np.int64)
        return counts

    def precision(self, k: int) -> FloatArray:
        """
        Return P@k = hits / k, shape (n_questions,), in [0, 1]; NaN where not ``has_reachable_tag``.

        As in PTM4Tag. Fewer than k suggestions are still divided by k.
        """
        return np.where(self.has_reachable_tag, self.hits(k) / k, np.nan)

    def recall(self, k: int) -> FloatArray:
        """
        Return the capped R@k, shape (n_questions,), in [0, 1]; NaN where not ``has_reachable_tag``.

        As in PTM4Tag: hits / k if the question has more than k tags, else hits / tags, so
        that a perfect ranker reaches 1 at every k.
        """
        return self._over_reachable(self.hits(k), np.minimum(self.reachable_count, k))

    def f1(self, k: int) -> FloatArray:
        """
        Return the harmonic mean of P@k and capped R@k; NaN where not ``has_reachable_tag``.

        As in PTM4Tag. With h hits it is 2h / (k + min(tags, k)), which is 0
        for h = 0.
        """
        return self._over_reachable(2 * self.hits(k), k + np.minimum(self.reachable_count, k))

    def ceiling(self, k: int) -> FloatArray:
        """Return the F1@k of a ranker that puts every reachable tag first; NaN as in ``f1``."""
        reached = np.minimum(self.reachable_count, k)
        return self._over_reachable(2 * reached, k + reached)

    def recall_all(self, k: int) -> FloatArray:
        """Return hits / all true tags, shape (n_questions,), in [0, 1], not capped."""
        shares: FloatArray = self.hits(k) / self.true_count
        return shares

    def f1_all(self, k: int) -> FloatArray:
        """Return the harmonic mean of hits / k and ``recall_all``, shape (n_questions,)."""
        means: FloatArray = 2 * self.hits(k) / (k + self.true_count)
        return means

    def ceiling_all(self, k: int) -> FloatArray:
        """Return the ``f1_all`` of a ranker that puts every reachable tag first."""
        means: FloatArray = 2 * np.minimum(self.reachable_count, k) / (k + self.true_count)
        return means

    def hit(self, k: int) -> FloatArray:
        """Return 1 where a true tag is among the first ``k``, else 0."""
        return (self.hits(k) > 0).astype(np.float64)

    def reciprocal_rank(self) -> FloatArray:
        """Return 1 / rank of the first true tag, 0 if none is among the first DEPTH."""
        rank = self.found.argmax(axis=1) + 1
        return np.where(self.found.any(axis=1), 1 / rank, 0.0)

    def ndcg(self) -> FloatArray:
        """
        Return nDCG@5 with gains of 1 and a log2 discount (Järvelin and Kekäläinen, TOIS 20, 2002).

        The ideal puts all true tags first, also those outside the vocabulary.
        """
        discount = 1 / np.log2(np.arange(2, DEPTH + 2))
        ideal = np.cumsum(discount)[np.minimum(self.true_count, DEPTH) - 1]
        shares: FloatArray = (self.found @ discount) / ideal
        return shares

    def coverage(self) -> float:
        """Return the share of true tag uses inside the vocabulary, in [0, 1]; NaN if empty."""
        uses = int(self.true_count.sum())
        return float(self.reachable_count.sum() / uses) if uses else float("nan")

    def _over_reachable(self, above: NDArray[np.int64], below: NDArray[np.int64]) -> FloatArray:
        """Divide where a question has a reachable tag; NaN elsewhere."""
        out = np.full(len(self), np.nan)
        np.divide(above, below, out=out, where=self.has_reachable_tag)
        return out


def score_questions(
    ranked: Sequence[Sequence[str]],
    true_tags: Sequence[Collection[str]],
    vocabulary: Collection[str],
) -> QuestionScores:
    """
    Compare suggestions with the true tags, question by question.

    Parameters
    ----------
    ranked : sequence of sequences of str, length n
        Suggested tags, best first; only the first DEPTH count. A tag suggested twice counts once.
    true_tags : sequence of collections of str, length n
        At least one tag each.
    vocabulary : collection of str
        The tags that the model can suggest.

    Raises
    ------
    FixInputError
        If the lengths differ, or a question has no true tag.

    Examples
    --------
    >>> scores = score_questions([["python", "pandas"]], [{"python", "numpy"}], {"python"})
    >>> float(scores.f1(1)[0]), float(scores.f1_all(2)[0])
    (1.0, 0.5)
    """
    if len(ranked) != len(true_tags):
        raise FixInputError(f"{len(ranked)} rankings for {len(true_tags)} questions")
    known = frozenset(vocabulary)
    found = np.zeros((len(ranked), DEPTH), dtype=np.bool_)
    true_count = np.zeros(len(ranked), dtype=np.int64)
    reachable_count = np.zeros(len(ranked), dtype=np.int64)
    for row, (suggested, tags) in enumerate(zip(ranked, true_tags, strict=True)):
        remaining = set(tags)
        if not remaining:
            raise FixInputError(f"question {row} of {len(ranked)} has no true tag: leave it out")
        true_count[row] = len(remaining)
        reachable_count[row] = len(remaining & known)
        for rank, tag in enumerate(suggested[:DEPTH]):
            if tag in remaining:
                found[row, rank] = True
                remaining.discard(tag)
    return QuestionScores(found, true_count, reachable_count)


def pool(parts: Sequence[QuestionScores]) -> QuestionScores:
    """
    Concatenate several months' questions, so that means weight months by their questions.

    Raises
    ------
    FixInputError
        If there is nothing to pool.
    """
    if not parts:
        raise FixInputError("there are no scores to pool")
    return QuestionScores(
        np.concatenate([part.found for part in parts]),
        np.concatenate([part.true_count for part in parts]),
        np.concatenate([part.reachable_count for part in parts]),
    )


def summarise(scores: QuestionScores) -> dict[str, float]:
    """
    Return every metric's mean over its questions, by name, in the order in which tables show them.

    Each is in [0, 1]; NaN where no question counts towards it.
    """
    figures: dict[str, float] = {}
    for k in range(1, DEPTH + 1):
        figures[f"precision@{k}"] = _mean(scores.precision(k)[scores.has_reachable_tag])
        figures[f"recall@{k}"] = _mean(scores.recall(k)[scores.has_reachable_tag])
        figures[f"f1@{k}"] = _mean(scores.f1(k)[scores.has_reachable_tag])
        figures[f"ceiling@{k}"] = _mean(scores.ceiling(k)[scores.has_reachable_tag])
        figures[f"recall_all@{k}"] = _mean(scores.recall_all(k))
        figures[f"f1_all@{k}"] = _mean(scores.f1_all(k))
        figures[f"ceiling_all@{k}"] = _mean(scores.ceiling_all(k))
        figures[f"hit_rate@{k}"] = _mean(scores.hit(k))
    figures["mrr"] = _mean(scores.reciprocal_rank())
    figures["ndcg@5"] = _mean(scores.ndcg())
    figures["coverage"] = scores.coverage()
    return figures


def _mean(values: FloatArray) -> float:
    """Return the mean, or NaN without numpy's warning for an empty array."""
    return float(values.mean()) if len(values) else float("nan")


def _checked(k: int) -> int:
    """Return ``k``; FixInputError outside 1..DEPTH."""
    if not 1 <= k <= DEPTH:
        raise FixInputError(f"k must be in 1..{DEPTH}, got {k}")
    return k
