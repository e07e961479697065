"""
Hashes of what a model is trained or tested on: equal for equal questions, stored or not.

Of stored months with tags that are read by another name, the hash is not that of the same questions
in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from include.jobs.data.stored_texts import StoredTexts
from include.months import month_of
from include.text.prepared import LabelledTexts, PreparedText


class MonthHash:
    """The hash of a month's questions, which are added oldest first."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, text: PreparedText, tags: Sequence[str]) -> None:
        """Add a question: its key, every text and every tag, in whatever order."""
        fields = (str(text.key), text.title, text.prose, text.code, *sorted(tags))
        self._digest.update("\0".join(fields).encode("utf-8", "surrogatepass") + b"\1")

    def hexdigest(self) -> str:
        """Return 64 hexadecimal digits."""
        return self._digest.hexdigest()


def content_hash(site: str, questions: LabelledTexts, min_tag_count: int) -> str:
    """
    Return 32 hexadecimal digits that depend on every text, every tag and ``min_tag_count``.

    Parameters
    ----------
    site : str
    questions : LabelledTexts
        Each with a tag, oldest first. Those of whole stored months are not read: their months'
        hashes are stored.
    min_tag_count : int
    """
    digest = hashlib.sha256(f"{site}\0{min_tag_count}".encode())
    for month, value in _month_hashes(questions).items():
        digest.update(f"\0{month}\0{value}".encode())
    return digest.hexdigest()[:32]


def _month_hashes(questions: LabelledTexts) -> Mapping[str, str]:
    """Return the hash of each month's questions, oldest month first."""
    if not isinstance(questions.texts, StoredTexts):
        return _hashes_of_texts(questions)
    stored = questions.texts.month_hashes()
    partial = {month for month, value in stored.items() if value is None}
    hashes = {month: value for month, value in stored.items() if value is not None}
    if partial:
        rows = [i for i, when in enumerate(questions.asked_at) if month_of(when) in partial]
        hashes |= _hashes_of_texts(questions.take(rows))
    return dict(sorted(hashes.items()))


def _hashes_of_texts(questions: LabelledTexts) -> Mapping[str, str]:
    months: dict[str, MonthHash] = {}
    rows = zip(questions.texts, questions.tags, questions.asked_at, strict=True)
    for text, tags, asked_at in rows:
        months.setdefault(month_of(asked_at), MonthHash()).add(text, tags)
    return {month: content.hexdigest() for month, content in months.items()}
