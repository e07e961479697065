"""Questions as plain text: the values that every candidate reads."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PreparedText:
    """
    A question's text, field by field.

    Parameters
    ----------
    title : str
        One line, unescaped.
    prose : str
        The body's text without code blocks; inline code stays, as it is part of the sentence.
    code : str
        The body's code blocks, concatenated.
    key : tuple of (str, int) or None
        Site and question id, part of the key of cached embeddings; None if not stored.
    """

    title: str
    prose: str
    code: str
    key: tuple[str, int] | None = None


class SelectableTexts(Sequence[PreparedText]):
    """A sequence of texts that are not all in memory; parts of it are such sequences as well."""

    @abstractmethod
    def take(self, positions: NDArray[np.intp]) -> Self:
        """Return the texts at ``positions``, each in [0, n), in that order."""

    @abstractmethod
    def __add__(self, other: Self) -> Self:
        """Return these texts and, after them, others that were read together with them."""


def take_texts(
    texts: Sequence[PreparedText], positions: NDArray[np.intp]
) -> Sequence[PreparedText]:
    """Return the texts at ``positions``, each in [0, n), in that order."""
    if isinstance(texts, SelectableTexts):
        return texts.take(positions)
    return tuple(texts[position] for position in positions.tolist())


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """
    Prepared questions with their tags, oldest first; the three sequences have the same order.

    Parameters
    ----------
    texts : sequence of PreparedText, length n
        Each with its ``key``. A tuple, or `SelectableTexts` that are read when they are needed.
    tags : tuple of tuples of str, length n
        True tags: settled ones where they are known, else as first seen; by canonical names.
    asked_at : tuple of datetime, length n
        Aware, UTC.
    tags_as_asked : tuple of tuples of str, length n, or None
        The same before synonyms were replaced and retired tags left out; None if none was.
    """

    texts: Sequence[PreparedText]
    tags: tuple[tuple[str, ...], ...]
    asked_at: tuple[datetime, ...]
    tags_as_asked: tuple[tuple[str, ...], ...] | None = None

    @property
    def strict_tags(self) -> tuple[tuple[str, ...], ...]:
        """The tags as people have written them, synonyms and retired tags included."""
        return self.tags if self.tags_as_asked is None else self.tags_as_asked

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.texts)

    def tagged(self) -> Self:
        """Return the questions that have a tag: others can be neither trained on nor evaluated."""
        if all(self.tags):
            return self
        return self.take(np.array([bool(tags) for tags in self.tags], dtype=np.bool_))

    def __add__(self, later: Self) -> Self:
        """Return these questions and later ones, which were loaded together with them."""
        texts: Sequence[PreparedText] = (
            self.texts + later.texts
            if isinstance(self.texts, SelectableTexts) and isinstance(later.texts, SelectableTexts)
            else (*self.texts, *later.texts)
        )
        as_asked = (
            None
            if self.tags_as_asked is None and later.tags_as_asked is None
            else self.strict_tags + later.strict_tags
        )
        return type(self)(texts, self.tags + later.tags, self.asked_at + later.asked_at, as_asked)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp] | Sequence[int]) -> Self:
        """
        Return the questions at some rows, in the order of ``rows``.

        Parameters
        ----------
        rows : ndarray of bool, shape (n,), or array-like of int
            A mask, or positions in [0, n).

        Raises
        ------
        IndexError
            If a position is out of range, or a mask has another length.

        Examples
        --------
        >>> when = datetime(2024, 1, 1)
        >>> texts = tuple(PreparedText(title, "", "") for title in "abc")
        >>> questions = LabelledTexts(texts, (("x",), (), ("y",)), (when,) * 3)
        >>> questions.take([2, 0]).tags
        (('y',), ('x',))
        """
        positions = np.arange(len(self))[np.asarray(rows, dtype=None if len(rows) else np.intp)]
        return type(self)(
            take_texts(self.texts, positions),
            tuple(self.tags[i] for i in positions),
            tuple(self.asked_at[i] for i in positions),
            self.tags_as_asked and tuple(self.tags_as_asked[i] for i in positions),
        )
