"""A fitted candidate that speaks of canonical tags, whatever its tags were called in training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory, Reason, Suggestion
from include.tag_names import TagNames
from include.text.prepared import PreparedText


def with_canonical_names(candidate: Candidate, names: TagNames) -> Candidate:
    """
    Return a fitted candidate whose suggestions bear the names that tags have now.

    Of two names of one tag the better score counts; retired tags are not suggested. A candidate
    that knows no renamed tag is returned as it is.
    """
    if names.canonical.keys().isdisjoint(candidate.vocabulary):
        return candidate
    return RenamedCandidate(candidate, names)


def as_suggestions(scored: Iterable[tuple[str, float]], names: TagNames) -> list[Suggestion]:
    """
    Return stored tags with scores, best first, by the names that tags have now.

    Examples
    --------
    >>> stored = [("golang", 0.8), ("homework", 0.5), ("go", 0.4)]
    >>> as_suggestions(stored, TagNames({"golang": "go", "homework": None}))
    [Suggestion(tag='go', score=0.8)]
    """
    best: dict[str, float] = {}
    for tag, score in scored:
        name = names.of(tag)
        if name is not None:
            best.setdefault(name, score)
    return [Suggestion(*pair) for pair in best.items()]


class RenamedCandidate(Candidate):
    """
    A fitted candidate behind a change of names; see `with_canonical_names`.

    Parameters
    ----------
    fitted : Candidate
    names : TagNames
    """

    def __init__(self, fitted: Candidate, names: TagNames) -> None:
        self.name = fitted.name  # type: ignore[misc]  # of the family behind it
        self._fitted = fitted
        self.vocabulary = tuple(sorted(names.of_all(fitted.vocabulary)))
        column_of = {tag: column for column, tag in enumerate(self.vocabulary)}
        canonical = [names.of(tag) for tag in fitted.vocabulary]
        self._columns = np.array(
            [-1 if tag is None else column_of[tag] for tag in canonical], dtype=np.intp
        )
        self._members: dict[str, list[str]] = {}
        for tag, name in zip(fitted.vocabulary, canonical, strict=True):
            if name is not None:
                self._members.setdefault(name, []).append(tag)

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> NoReturn:
        """Raise NotImplementedError: a new fit learns from canonical tags and needs no renaming."""
        raise NotImplementedError("fit the family itself on canonical tags")

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the best score of each tag's names, as `Candidate.score`."""
        scores = np.zeros((len(texts), len(self.vocabulary)), dtype=np.float32)
        kept = self._columns >= 0
        np.maximum.at(scores.T, self._columns[kept], self._fitted.score(texts)[:, kept].T)
        return scores

    def best_columns(
        self, texts: Sequence[PreparedText], k: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return columns and calibrated scores, as `Candidate.best_columns`."""
        lost = len(self._columns) - len(self.vocabulary)
        ranked, scores = self._fitted.best_columns(texts, k + lost)
        columns = self._columns[ranked]
        first = np.array([_first_of_each(row) for row in columns], dtype=np.bool_)
        first = first.reshape(columns.shape)
        wanted = first & (first.cumsum(axis=1) <= k)
        shape = (len(texts), min(k, len(self.vocabulary)))
        return columns[wanted].reshape(shape), scores[wanted].reshape(shape)

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        """Return the evidence for each tag by any of its names, as `Candidate.explain`."""
        members = [self._members.get(tag, []) for tag in tags]
        asked = list(dict.fromkeys(name for names in members for name in names))
        found = dict(zip(asked, self._fitted.explain(text, asked, limit), strict=True))
        return [max((found[name] for name in names), key=_weight, default=()) for names in members]

    def fit_memory_mb(self, question_count: int, tag_count: int) -> float:
        """Return what a new fit of the family takes, in MB."""
        return self._fitted.fit_memory_mb(question_count, tag_count)

    @property
    def question_limit(self) -> int | None:
        """The family's."""
        return self._fitted.question_limit

    @property
    def encoder_names(self) -> tuple[str, ...]:
        """The family's."""
        return self._fitted.encoder_names

    def save(self, folder: Path) -> None:
        """Raise NotImplementedError: the fitted candidate is what is stored."""
        raise NotImplementedError("save the fitted candidate; names are applied where it is used")

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Raise NotImplementedError, as `save`."""
        raise NotImplementedError("load the fitted candidate, then use with_canonical_names")

    def get_params(self) -> dict[str, Any]:
        """Return the fitted candidate's parameters."""
        return self._fitted.get_params()


def _first_of_each(columns: NDArray[np.intp]) -> list[bool]:
    """Return where a column stands for the first time; never where it is -1."""
    seen = {-1}
    found = []
    for column in columns.tolist():
        found.append(column not in seen)
        seen.add(column)
    return found


def _weight(reasons: tuple[Reason, ...]) -> float:
    return sum(reason.weight for reason in reasons)
