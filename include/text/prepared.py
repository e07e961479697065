"""What is left of a question when its HTML is gone: the value that every candidate reads."""

from dataclasses import dataclass
from datetime import datetime


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
        The body's code blocks, one after the other.
    key : tuple of (str, int) or None
        Site and question id, by which vectors are cached; None for text that is not stored.
    """

    title: str
    prose: str
    code: str
    key: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """
    Questions ready for training or testing, oldest first; the three tuples run in parallel.

    Parameters
    ----------
    texts : tuple of PreparedText, length n
        Each with its ``key``.
    tags : tuple of tuples of str, length n
        True tags as far as they are settled.
    asked_at : tuple of datetime, length n
        Aware, UTC.
    """

    texts: tuple[PreparedText, ...]
    tags: tuple[tuple[str, ...], ...]
    asked_at: tuple[datetime, ...]

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.texts)
