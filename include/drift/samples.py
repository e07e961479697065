"""
Questions as the drift signals read them: matrices with one row per question.

Samples that are compared are built together, so that their columns are the same words and the same
tags. A signal then is a function of two samples, and a random split is a selection of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FloatArray = NDArray[np.float64]

# Suggestions per question, as in the metrics.
DEPTH: Final = 5
_COLUMN_NAMES: Final = {"word_names", "tag_names"}


@dataclass(frozen=True, eq=False)
class Observations:
    """
    Features, true tags and predictions of n questions; the sequences are parallel.

    Parameters
    ----------
    months : sequence of str, length n
        ``YYYY-MM`` in which each was asked.
    words : sequence of sequences of str, length n
        The question's distinct words, in any order.
    word_counts : sequence of float, length n
        Words of title and prose, >= 0.
    code_shares : sequence of float, length n
        Characters of code over characters of prose and code, in [0, 1].
    tags : sequence of sequences of str or None
        True tags; None where they are not known yet, as for recent predictions.
    suggested : sequence of sequences of (str, float) or None
        The model's suggestions, best first, with scores in [0, 1].
    reachable : sequence of int or None
        True tags of each question inside the model's vocabulary.
    f1 : sequence of float or None
        F1@5 over all true tags of each question, in [0, 1].
    found : ndarray of bool, shape (n, DEPTH), or None
        True where the suggestion at that rank is a true tag.
    vectors : ndarray, shape (n, dimensions), or None
        Unit-length embeddings.
    """

    months: Sequence[str]
    words: Sequence[Sequence[str]]
    word_counts: Sequence[float]
    code_shares: Sequence[float]
    tags: Sequence[Sequence[str]] | None = None
    suggested: Sequence[Sequence[tuple[str, float]]] | None = None
    reachable: Sequence[int] | None = None
    f1: Sequence[float] | None = None
    found: NDArray[np.bool_] | None = None
    vectors: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.months)


@dataclass(frozen=True, eq=False)
class Sample:
    """
    Questions as matrices, from ``build_samples``. Attributes that are not known are None.

    Parameters
    ----------
    months : ndarray of str, shape (n,)
    word_names, tag_names : tuple of str
        Names of the columns, shared by all samples that were built together.
    words : sparse matrix, shape (n, n_words)
        1 where the question has the word.
    word_counts, code_shares : ndarray, shape (n,)
    tags, suggested : sparse matrix, shape (n, n_tags), or None
        1 where the question has the tag; 1 where the tag was among the suggestions.
    scores : ndarray, shape (n, DEPTH), or None
        The suggestions' scores, best first, 0 beyond the last.
    unreachable : ndarray, shape (n,), or None
        True tags outside the model's vocabulary.
    f1 : ndarray, shape (n,), or None
    found : ndarray of bool, shape (n, DEPTH), or None
    vectors : ndarray, shape (n, dimensions), or None
    """

    months: NDArray[np.str_]
    word_names: tuple[str, ...]
    tag_names: tuple[str, ...]
    words: sparse.csr_matrix
    word_counts: FloatArray
    code_shares: FloatArray
    tags: sparse.csr_matrix | None = None
    suggested: sparse.csr_matrix | None = None
    scores: FloatArray | None = None
    unreachable: FloatArray | None = None
    f1: FloatArray | None = None
    found: NDArray[np.bool_] | None = None
    vectors: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.months)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Sample:
        """Return the questions at ``rows``, in that order; a row may be taken twice."""
        parts: dict[str, Any] = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name not in _COLUMN_NAMES and getattr(self, field.name) is not None
        }
        return replace(self, **parts)

    @cached_property
    def word_use(self) -> FloatArray:
        """Questions that have each word, shape (n_words,)."""
        return _column_sums(self.words)

    @cached_property
    def tag_use(self) -> FloatArray:
        """Questions that have each tag, shape (n_tags,); zeros if tags are not known."""
        return np.zeros(len(self.tag_names)) if self.tags is None else _column_sums(self.tags)

    @cached_property
    def suggested_use(self) -> FloatArray:
        """Questions for which each tag was suggested, shape (n_tags,)."""
        if self.suggested is None:
            return np.zeros(len(self.tag_names))
        return _column_sums(self.suggested)


def build_samples(*groups: Observations) -> tuple[Sample, ...]:
    """
    Build comparable samples: their columns are the same words and tags.

    Parameters
    ----------
    *groups : Observations
        For instance the reference and the analysis period.

    Returns
    -------
    tuple of Sample
        One for each group, rows in the group's order.
    """
    word_column: dict[str, int] = {}
    tag_column: dict[str, int] = {}
    word_incidences = [_incidence(group.words, word_column) for group in groups]
    tag_incidences = [
        None if group.tags is None else _incidence(group.tags, tag_column) for group in groups
    ]
    suggested_tags = [
        None if group.suggested is None else _incidence(_names(group.suggested), tag_column)
        for group in groups
    ]
    words, tags = tuple(word_column), tuple(tag_column)
    return tuple(
        Sample(
            months=np.asarray(group.months, dtype=np.str_),
            word_names=words,
            tag_names=tags,
            words=_matrix(word_incidences[i], len(words)),
            word_counts=np.asarray(group.word_counts, dtype=np.float64),
            code_shares=np.asarray(group.code_shares, dtype=np.float64),
            tags=None
            if (tag_incidence := tag_incidences[i]) is None
            else _matrix(tag_incidence, len(tags)),
            suggested=None
            if (incidence := suggested_tags[i]) is None
            else _matrix(incidence, len(tags)),
            scores=_scores(group.suggested),
            unreachable=_unreachable(group),
            f1=None if group.f1 is None else np.asarray(group.f1, dtype=np.float64),
            found=group.found,
            vectors=group.vectors,
        )
        for i, group in enumerate(groups)
    )


Incidence = tuple[list[int], list[int]]


def _names(suggested: Sequence[Sequence[tuple[str, float]]]) -> list[list[str]]:
    return [[tag for tag, _ in row[:DEPTH]] for row in suggested]


def _incidence(rows: Iterable[Iterable[str]], column: dict[str, int]) -> Incidence:
    """Return (columns, row ends) of the names in each row; ``column`` grows by new names."""
    columns: list[int] = []
    ends = [0]
    for row in rows:
        columns.extend(column.setdefault(name, len(column)) for name in dict.fromkeys(row))
        ends.append(len(columns))
    return columns, ends


def _matrix(incidence: Incidence, width: int) -> sparse.csr_matrix:
    columns, ends = incidence
    ones = np.ones(len(columns), dtype=np.int8)
    return sparse.csr_matrix((ones, columns, ends), shape=(len(ends) - 1, width))


def _column_sums(matrix: sparse.csr_matrix) -> FloatArray:
    """Count each column's ones; quicker than summing int8 with a wider accumulator."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)


def _scores(suggested: Sequence[Sequence[tuple[str, float]]] | None) -> FloatArray | None:
    if suggested is None:
        return None
    scores = np.zeros((len(suggested), DEPTH))
    for i, row in enumerate(suggested):
        best = [score for _, score in row[:DEPTH]]
        scores[i, : len(best)] = best
    return scores


def _unreachable(group: Observations) -> FloatArray | None:
    if group.tags is None or group.reachable is None:
        return None
    uses = np.array([len(set(tags)) for tags in group.tags], dtype=np.float64)
    return uses - np.asarray(group.reachable, dtype=np.float64)
