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
class NameMatrix:
    """
    Which of some names each of n questions has, as the rows of a sparse matrix.

    Most signals read nothing but ``uses``, so rows that are taken are copied only if they are read.

    Parameters
    ----------
    source : sparse matrix, shape (m, n_names)
        1 where a question has the name.
    rows : ndarray of int, shape (n,), or None
        The questions' rows in it; None for all, in their order.
    counted : ndarray, shape (n_names,), or None
        ``uses``, where it is known without looking at the rows.
    """

    source: sparse.csr_matrix
    rows: NDArray[np.intp] | None = None
    counted: FloatArray | None = None

    @cached_property
    def matrix(self) -> sparse.csr_matrix:
        """The rows, shape (n, n_names)."""
        return self.source if self.rows is None else self.source[self.rows]

    @cached_property
    def uses(self) -> FloatArray:
        """Questions that have each name, shape (n_names,)."""
        if self.counted is not None:
            return self.counted
        # Quicker than summing int8 with a wider accumulator
        counts = np.bincount(self.matrix.indices, minlength=self.source.shape[1])
        return counts.astype(np.float64)

    def __getitem__(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> NameMatrix:
        """Return the questions at ``rows``, in that order."""
        known = np.arange(self.source.shape[0]) if self.rows is None else self.rows
        return NameMatrix(self.source, known[rows])


@dataclass(frozen=True, eq=False)
class Sample:
    """
    Questions as matrices, from ``build_samples``. Attributes that are not known are None.

    Parameters
    ----------
    months : ndarray of str, shape (n,)
    word_names, tag_names : tuple of str
        Names of the columns, shared by all samples that were built together.
    words : NameMatrix, shape (n, n_words)
        Which words each question has.
    word_counts, code_shares : ndarray, shape (n,)
    tags, suggested : NameMatrix, shape (n, n_tags), or None
        Which tags each question has, and which were among its suggestions.
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
    words: NameMatrix
    word_counts: FloatArray
    code_shares: FloatArray
    tags: NameMatrix | None = None
    suggested: NameMatrix | None = None
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

    def split(self, order: NDArray[np.intp], size: int) -> tuple[Sample, Sample]:
        """
        Return the questions at ``order[size:]`` and those at ``order[:size]``.

        As two calls of `take` do, but uses of words and tags are counted only in the second part.

        Parameters
        ----------
        order : ndarray of int, shape (n,)
            A permutation of all rows.
        size : int
            In [0, n].
        """
        part, rest = self.take(order[:size]), self.take(order[size:])
        counted: dict[str, Any] = {
            field.name: replace(
                getattr(rest, field.name), counted=whole.uses - getattr(part, field.name).uses
            )
            for field in fields(self)
            if isinstance(whole := getattr(self, field.name), NameMatrix)
        }
        return replace(rest, **counted), part

    @property
    def word_use(self) -> FloatArray:
        """Questions that have each word, shape (n_words,)."""
        return self.words.uses

    @property
    def tag_use(self) -> FloatArray:
        """Questions that have each tag, shape (n_tags,); zeros if tags are not known."""
        return np.zeros(len(self.tag_names)) if self.tags is None else self.tags.uses

    @property
    def suggested_use(self) -> FloatArray:
        """Questions for which each tag was suggested, shape (n_tags,)."""
        return np.zeros(len(self.tag_names)) if self.suggested is None else self.suggested.uses


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


def _matrix(incidence: Incidence, width: int) -> NameMatrix:
    columns, ends = incidence
    ones = np.ones(len(columns), dtype=np.int8)
    return NameMatrix(sparse.csr_matrix((ones, columns, ends), shape=(len(ends) - 1, width)))


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
