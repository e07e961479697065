"""Questions as plain text: the values that every candidate reads."""

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


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """
    Prepared questions with their tags, oldest first; the three tuples have the same order.

    Parameters
    ----------
    texts : tuple of PreparedText, length n
        Each with its ``key``.
    tags : tuple of tuples of str, length n
        True tags: settled ones where they are known, else as first seen.
    asked_at : tuple of datetime, length n
        Aware, UTC.
    """

    texts: tuple[PreparedText, ...]
    tags: tuple[tuple[str, ...], ...]
    asked_at: tuple[datetime, ...]

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.texts)

    def tagged(self) -> Self:
        """Return the questions that have a tag: others can be neither trained on nor evaluated."""
        if all(self.tags):
            return self
        return self.take(np.array([bool(tags) for tags in self.tags], dtype=np.bool_))

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
            tuple(self.texts[i] for i in positions),
            tuple(self.tags[i] for i in positions),
            tuple(self.asked_at[i] for i in positions),
        )
