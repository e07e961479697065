"""What sources say of tags: the excerpts of their wikis, as plain text. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from include.sources.fields import UNDECODABLE, parse_text

MAX_DESCRIPTION_LENGTH: Final = 1000
"""Characters of a tag's description that are kept; the site allows 500."""


@dataclass(slots=True)
class TagExcerpts:
    """
    Descriptions by tag, gathered while a source is read.

    Parameters
    ----------
    descriptions : dict of str to (str or None)
        As `plain_excerpt` returns them; None where the source says that the tag has none.
    repeated : int
        Excerpts of a tag that had one before: the later counts.
    cut : int
        Excerpts of which only the start is kept.
    """

    descriptions: dict[str, str | None] = field(default_factory=dict)
    repeated: int = 0
    cut: int = 0

    def add(self, tag: str, excerpt: str) -> None:
        """Take what the source says of a tag; an empty text is none."""
        text = _one_line(excerpt)
        self.repeated += tag in self.descriptions
        self.cut += len(text) > MAX_DESCRIPTION_LENGTH
        self.descriptions[tag] = _start(text) or None

    def summary(self) -> list[str]:
        """
        Return what was repaired, one sentence each; nothing for a flawless source.

        Examples
        --------
        >>> TagExcerpts(repeated=2).summary()
        ['2 repeated tags: the later description counts']
        """
        lines = []
        if self.repeated:
            lines.append(f"{self.repeated:,} repeated tags: the later description counts")
        if self.cut:
            lines.append(
                f"{self.cut:,} descriptions cut after {MAX_DESCRIPTION_LENGTH:,} characters"
            )
        return lines


def plain_excerpt(text: str) -> str:
    r"""
    Return an excerpt on one line, at most `MAX_DESCRIPTION_LENGTH` characters that can be stored.

    Excerpts are plain text, in which ``<T>`` is no markup: it stays, and who shows it escapes it.

    Examples
    --------
    >>> plain_excerpt("C#\n\x00 has List<T> & more. ")
    'C# has List<T> & more.'
    """
    return _start(_one_line(text))


def _one_line(text: str) -> str:
    """Return text that PostgreSQL can hold, with single spaces in place of line ends."""
    decoded = text.replace(UNDECODABLE, "\ufffd")
    return " ".join(parse_text(decoded, "excerpt", Counter(), len(text)).split())


def _start(text: str) -> str:
    if len(text) <= MAX_DESCRIPTION_LENGTH:
        return text
    return text[: MAX_DESCRIPTION_LENGTH - 1].rstrip() + "…"
