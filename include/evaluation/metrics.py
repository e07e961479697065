"""
How good ranked tag suggestions are. Pure: tags in, arrays per question and their means out.

Two families of figures, because they answer two questions:

* **capped**, over the questions that have at least one true tag inside the vocabulary, as PTM4Tag
  (He et al., ICPC 2022) and Post2Vec (Xu et al., TSE 2021) publish them: how well does the model
  rank the tags it knows? Names: ``precision@k``, ``recall@k``, ``f1@k``, ``ceiling@k``.
* over **all** questions, against every true tag: what do askers get? A question whose tags are all
  outside the vocabulary scores 0. Names: ``recall_all@k``, ``f1_all@k``, ``ceiling_all@k``,
  ``hit_rate@k``, ``mrr``, ``ndcg@5``, ``coverage``.
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
    What became of each question; every metric, slice and bootstrap is computed from this.

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

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> QuestionScores:
        """Return the questions that a mask or an array of positions chooses."""
        return QuestionScores(
            self.found[chosen], self.true_count[chosen], self.reachable_count[chosen]
        )

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Questions with a true tag inside the vocabulary, shape (n_questions,)."""
        return self.reachable_count > 0

    def hits(self, k: int) -> NDArray[np.int64]:
        """Return the true tags among the first ``k`` suggestions, shape (n_questions,)."""
        counts: NDArray[np.int64] = self.found[:, : _checked(k)].sum(axis=1, dtype=np.int64)
        return counts

    def precision(self, k: int) -> FloatArray:
        """
        Return P@k = hits / k, shape (n_questions,), in [0, 1]; NaN where not ``judged``.

        As in PTM4Tag. Fewer than k suggestions are still divided by k.
        """
        return np.where(self.judged, self.hits(k) / k, np.nan)

    def recall(self, k: int) -> FloatArray:
        """
        Return the capped R@k, shape (n_questions,), in [0, 1]; NaN where not ``judged``.

        As in PTM4Tag: hits / k if the question has more than k tags, else hits / tags, so
        that a perfect ranker reaches 1 at every k.
        """
        return self._over_judged(self.hits(k), np.minimum(self.reachable_count, k))

    def f1(self, k: int) -> FloatArray:
        """
        Return the harmonic mean of P@k and capped R@k per question; NaN where not ``judged``.

        As in PTM4Tag. With h hits it is 2h / (k + min(tags, k)), which needs no case for
        h = 0.
        """
        return self._over_judged(2 * self.hits(k), k + np.minimum(self.reachable_count, k))

    def ceiling(self, k: int) -> FloatArray:
        """Return the F1@k of a ranker that puts every reachable tag first; NaN as in ``f1``."""
        reached = np.minimum(self.reachable_count, k)
        return self._over_judged(2 * reached, k + reached)

    def recall_all(self, k: int) -> FloatArray:
        """Return hits / all true tags, shape (n_questions,), in [0, 1]: nothing is capped."""
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
        Return nDCG@5 with gains of 1 and a log2 discount (Järvelin and Kekäläinen, 2002).

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

    def _over_judged(self, above: NDArray[np.int64], below: NDArray[np.int64]) -> FloatArray:
        """Divide where a question is judged; NaN elsewhere."""
        out = np.full(len(self), np.nan)
        np.divide(above, below, out=out, where=self.judged)
        return out


def score_questions(
    ranked: Sequence[Sequence[str]],
    true_tags: Sequence[Collection[str]],
    vocabulary: Collection[str],
) -> QuestionScores:
    """
    Compare suggestions with the truth, question by question.

    Parameters
    ----------
    ranked : sequence of sequences of str, length n
        Suggested tags, best first; only the first DEPTH count. A tag suggested twice counts once.
    true_tags : sequence of collections of str, length n
        What the question bears, at least one tag each.
    vocabulary : collection of str
        The tags that the model could have suggested.

    Raises
    ------
    FixInputError
        If the lengths differ, or a question has no true tag: it has no truth to be measured by.

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
    for row, (suggested, truth) in enumerate(zip(ranked, true_tags, strict=True)):
        wanted = set(truth)
        if not wanted:
            raise FixInputError(f"question {row} of {len(ranked)} has no true tag: leave it out")
        true_count[row] = len(wanted)
        reachable_count[row] = len(wanted & known)
        for rank, tag in enumerate(suggested[:DEPTH]):
            if tag in wanted:
                found[row, rank] = True
                wanted.discard(tag)
    return QuestionScores(found, true_count, reachable_count)


def pool(parts: Sequence[QuestionScores]) -> QuestionScores:
    """
    Put several months' questions together, so that means weigh months by their questions.

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
        figures[f"precision@{k}"] = _mean(scores.precision(k)[scores.judged])
        figures[f"recall@{k}"] = _mean(scores.recall(k)[scores.judged])
        figures[f"f1@{k}"] = _mean(scores.f1(k)[scores.judged])
        figures[f"ceiling@{k}"] = _mean(scores.ceiling(k)[scores.judged])
        figures[f"recall_all@{k}"] = _mean(scores.recall_all(k))
        figures[f"f1_all@{k}"] = _mean(scores.f1_all(k))
        figures[f"ceiling_all@{k}"] = _mean(scores.ceiling_all(k))
        figures[f"hit_rate@{k}"] = _mean(scores.hit(k))
    figures["mrr"] = _mean(scores.reciprocal_rank())
    figures["ndcg@5"] = _mean(scores.ndcg())
    figures["coverage"] = scores.coverage()
    return figures


def _mean(values: FloatArray) -> float:
    """Return the mean, or NaN without numpy's warning where there is nothing to average."""
    return float(values.mean()) if len(values) else float("nan")


def _checked(k: int) -> int:
    """Return ``k``; FixInputError outside 1..DEPTH, where nothing was recorded."""
    if not 1 <= k <= DEPTH:
        raise FixInputError(f"k must be in 1..{DEPTH}, got {k}")
    return k
