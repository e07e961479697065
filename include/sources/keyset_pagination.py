"""
Keyset pagination over a time range, by the items' creation dates instead of page numbers.

Page numbers shift when an item is deleted or the order depends on something that edits change;
creation dates do not. After each page the next request starts at the second of the page's last
item; page numbers count only within one second with more items than a page. Pure: no requests here.

References
----------
.. [1] M. Winand, "We need tool support for keyset pagination",
   https://use-the-index-luke.com/no-offset
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from include.sources.api_responses import created_at


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The next request: seconds [first, last], both included as in the API, and a page number."""

    first: int
    last: int
    page: int
    newest_first: bool = False


class KeysetPaginator:
    """
    The state of a pagination, oldest item first.

    Parameters
    ----------
    start, end : int
        Unix seconds, half-open [start, end).
    key : str, default="question_id"
        The field that tells items apart.
    """

    def __init__(self, start: int, end: int, key: str = "question_id") -> None:
        self._end = end
        self._from = start
        self._key = key
        self._page = 1
        self._seen: set[Any] = set()  # keys already returned that the next page may repeat

    @property
    def cursor(self) -> int:
        """Everything created before this second has been returned."""
        return self._from

    def next_request(self) -> PageRequest | None:
        """Return the next request, None at the end."""
        if self._from >= self._end:
            return None
        return PageRequest(self._from, self._end - 1, self._page)

    def advance(self, items: Sequence[dict[str, Any]], *, has_more: bool) -> list[dict[str, Any]]:
        """
        Advance by one page and return its items that were not returned before.

        Parameters
        ----------
        items : sequence of dict
            Ascending by creation date, as requested; not empty if there are more.
        has_more : bool
            Whether the request has further pages.
        """
        new: dict[Any, dict[str, Any]] = {}
        for item in items:
            if item[self._key] not in self._seen and created_at(item) < self._end:
                new.setdefault(item[self._key], item)
        if not has_more:
            self._from = self._end
        else:
            self._move_cursor(items)
        return list(new.values())

    def _move_cursor(self, items: Sequence[dict[str, Any]]) -> None:
        last = created_at(items[-1])
        boundary = {item[self._key] for item in items if created_at(item) == last}
        if last > self._from:
            self._from, self._page, self._seen = last, 1, boundary
        else:  # a whole page within one second
            self._page += 1
            self._seen |= boundary
