"""The interface of every candidate: plain values in, ranked tags out, saved to a folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.calibration import ScoreCalibration
from include.text.prepared import PreparedText


class Suggestion(NamedTuple):
    """A tag and its estimated probability, in [0, 1]."""

    tag: str
    score: float


@dataclass(frozen=True, slots=True)
class Reason:
    """
    One piece of evidence for a tag.

    Parameters
    ----------
    kind : str
        ``word``, ``question`` (a similar training question) or ``mention``.
    text : str
        The word, or the similar question's title.
    weight : float
        Its contribution to the score; comparable within one explanation only.
    question_id : int or None
        Of the similar question where ``kind`` is ``question``.
    """

    kind: str
    text: str
    weight: float
    question_id: int | None = None


class Encoder(Protocol):
    """Embeds texts; ``name`` changes whenever the embeddings do."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return unit-length vectors, shape (n_texts, dimensions)."""


EncoderFactory = Callable[[str], Encoder]


class Candidate(ABC):
    """
    A tag suggester: fit, score, rank, explain, save and load.

    A subclass is constructed as ``Family(parameters, encoders)``: ``parameters`` is the family's
    frozen dataclass (all fields have defaults) and ``encoders`` makes an encoder by name
    (``bert``, ``use``); families without embeddings ignore it.
    """

    name: ClassVar[str]
    vocabulary: tuple[str, ...] = ()
    calibration: ScoreCalibration | None = None
    """Calibration of the best scores, applied in `rank`; None for models of earlier releases."""

    @property
    def question_limit(self) -> int | None:
        """
        The number of questions that `fit` learns from at most; None if it learns from all.

        Of a longer sequence it learns from the latest ones.
        """
        return None

    @property
    def encoder_names(self) -> tuple[str, ...]:
        """The encoders (`include.names.ENCODERS`) that embed its questions."""
        return ()

    def fit_memory_mb(self, question_count: int, tag_count: int) -> float:
        """
        Return about how much memory `fit` needs in MB, apart from the texts.

        Parameters
        ----------
        question_count : int
            Questions in the training window, of which it uses at most `question_limit`.
        tag_count : int
            Tags in the vocabulary.
        """
        return 0.0

    @abstractmethod
    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """
        Train on questions in order of time, oldest first; the same input gives the same model.

        Parameters
        ----------
        texts : sequence of PreparedText, length n
        tags : sequence of sequences of str, length n
            True tags, also those outside the vocabulary.
        vocabulary : sequence of str
            The tags that may be suggested, sorted, without duplicates, at least one.

        Raises
        ------
        FixInputError
            If lengths differ or the vocabulary is empty.
        """

    @abstractmethod
    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """
        Return scores in [0, 1], shape (n_texts, n_vocabulary), columns as ``vocabulary``.

        They are not calibrated; `rank` returns calibrated ones.
        """

    def rank(self, texts: Sequence[PreparedText], k: int) -> list[tuple[Suggestion, ...]]:
        """
        Return the ``k`` best tags of each text, best first (fewer if the vocabulary is smaller).

        Ties are broken by the vocabulary's order, so the result is deterministic.
        """
        columns, scores = self.best_columns(texts, k)
        return [
            tuple(map(Suggestion, [self.vocabulary[column] for column in row], row_scores))
            for row, row_scores in zip(columns.tolist(), scores.tolist(), strict=True)
        ]

    def best_columns(
        self, texts: Sequence[PreparedText], k: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """
        Return what `rank` does as arrays: columns of the vocabulary, and calibrated scores.

        Both have the shape (n_texts, min(k, n_vocabulary)), best first.
        """
        scores = self.score(texts)
        columns = top_k(scores, k)
        # As `np.take_along_axis`, whose checks take longer than the look-up of one question.
        best = scores[np.arange(len(scores))[:, np.newaxis], columns]
        if self.calibration is not None:
            best = self.calibration.apply(best)
        return columns, best

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        """
        Return the strongest evidence for each of ``tags``, strongest first; none if there is none.

        The text is analysed once, however many tags are explained.

        Parameters
        ----------
        text : PreparedText
        tags : sequence of str
            Tags outside the vocabulary have no evidence.
        limit : int, default=5
            Reasons per tag, >= 1.
        """
        return [()] * len(tags)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that ``load`` needs into ``folder``, which exists and is empty."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; ModelUnusableError names a missing or wrong file."""

    @abstractmethod
    def get_params(self) -> dict[str, Any]:
        """Return the parameters as plain JSON values, for logs and for ``candidate.json``."""


RARE_USES: Final = 5
"""A tag with fewer uses is rare."""
MAX_TAGS_WITH_RARE: Final = 2_000
"""Time and memory of a fit grow with the vocabulary, and a large one gains little by rare tags."""


def least_uses(uses: Iterable[int], min_tag_count: int) -> int:
    """
    Return the number of uses from which a tag is in the vocabulary, at least ``min_tag_count``.

    It rises, to `RARE_USES` at most, while there would be more than `MAX_TAGS_WITH_RARE` tags.

    Parameters
    ----------
    uses : iterable of int
        Questions that have each tag.
    min_tag_count : int
        >= 1.

    Examples
    --------
    >>> least_uses([9, 1, 1], 1)
    1
    >>> least_uses([9, 1, 1] * 1_000, 1)
    2
    """
    tags_with = Counter(uses)
    for least in range(min_tag_count, RARE_USES):
        if sum(tags for count, tags in tags_with.items() if count >= least) <= MAX_TAGS_WITH_RARE:
            return least
    return max(min_tag_count, RARE_USES)


def vocabulary_of(tags: Sequence[Sequence[str]], min_tag_count: int) -> tuple[str, ...]:
    """
    Return the tags used by at least ``min_tag_count`` questions, sorted.

    Of a large site, fewer of the rare ones; see `least_uses`.

    Examples
    --------
    >>> vocabulary_of([["a", "b"], ["a"], ["c", "a"]], 2)
    ('a',)
    """
    counts = count_tags(tags)
    return frequent_tags(counts, least_uses(counts.values(), min_tag_count))


def count_tags(tags: Iterable[Sequence[str]]) -> Counter[str]:
    """Return how many questions have each tag."""
    return Counter(tag for row in tags for tag in set(row))


def frequent_tags(counts: Mapping[str, int], least: int) -> tuple[str, ...]:
    """Return the tags of ``counts`` that at least ``least`` questions have, sorted."""
    return tuple(sorted(tag for tag, count in counts.items() if count >= least))


_PARTIAL_SORT_RATIO: Final = 200
"""Columns per selected column from which a partial sort is faster than a full one."""


def top_k(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """
    Return the columns of the ``k`` largest scores per row, best first, ties by column.

    Parameters
    ----------
    scores : ndarray of float, shape (n, m)
    k : int
        >= 1; all m columns are returned where m < k.
    """
    width = scores.shape[1]
    if k * _PARTIAL_SORT_RATIO >= width:
        return (-scores).argsort(axis=1, kind="stable")[:, :k]
    # A full sort would take most of the time when few columns of many are selected.
    best = np.empty((len(scores), k), dtype=np.intp)
    thresholds = np.partition(scores, width - k, axis=1)[:, width - k]
    for index, (row, threshold) in enumerate(zip(scores, thresholds, strict=True)):
        columns = np.flatnonzero(row >= threshold)
        best[index] = columns[np.argsort(-row[columns], kind="stable")[:k]]
    return best
