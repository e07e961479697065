"""
Walks through a span of time by the questions' own creation dates, not by page numbers.

Page numbers shift when a question is deleted or the listing is sorted by something that edits
change; creation dates stay. After each page the walk starts anew at the second of the page's last
question, and only inside one crowded second does it count pages. Pure: no requests here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from include.sources.api_answers import created_at


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next request: seconds [first, last], both included as the API has it, and a page."""

    first: int
    last: int
    page: int


class Keyset:
    """
    The state of one walk, oldest question first.

    Parameters
    ----------
    start, end : int
        Unix seconds, half-open [start, end).
    """

    def __init__(self, start: int, end: int) -> None:
        self._end = end
        self._from = start
        self._page = 1
        self._seen: set[int] = set()  # ids already given out that the next page may repeat

    @property
    def cursor(self) -> int:
        """Everything created before this second has been given out."""
        return self._from

    def next_stretch(self) -> Stretch | None:
        """Return what to ask for next, None at the end."""
        if self._from >= self._end:
            return None
        return Stretch(self._from, self._end - 1, self._page)

    def take(self, items: Sequence[dict[str, Any]], *, has_more: bool) -> list[dict[str, Any]]:
        """
        Advance by one answered page and return its items that were not given out before.

        Parameters
        ----------
        items : sequence of dict
            Ascending by creation date, as asked for; not empty if there is more.
        has_more : bool
            The stretch goes on after these.
        """
        fresh: dict[int, dict[str, Any]] = {}
        for item in items:
            if item["question_id"] not in self._seen and created_at(item) < self._end:
                fresh.setdefault(item["question_id"], item)
        if not has_more:
            self._from = self._end
        else:
            self._advance(items)
        return list(fresh.values())

    def _advance(self, items: Sequence[dict[str, Any]]) -> None:
        last = created_at(items[-1])
        boundary = {item["question_id"] for item in items if created_at(item) == last}
        if last > self._from:
            self._from, self._page, self._seen = last, 1, boundary
        else:  # a whole page within one second
            self._page += 1
            self._seen |= boundary
