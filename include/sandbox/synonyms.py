"""The sandbox site's tag synonyms, as its API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Self

from pydantic import BaseModel, TypeAdapter

from include.errors import FixInputError
from include.sandbox.question_query import ApiError, QuestionQuery
from include.tag_names import TagSynonym


class _Item(BaseModel):
    """A synonym as the site's API writes it; ``creation_date`` in Unix seconds."""

    from_tag: str
    to_tag: str
    creation_date: int


_ITEMS: Final = TypeAdapter(list[_Item])


class SynonymList:
    """
    All synonyms of one site.

    Parameters
    ----------
    synonyms : iterable of TagSynonym
        In any order.

    Raises
    ------
    FixInputError
        If one is of a retired tag, which the API does not list, or has no time.
    """

    def __init__(self, synonyms: Iterable[TagSynonym]) -> None:
        self._items = sorted(map(_item, synonyms), key=lambda item: item["creation_date"])
        self._canonical: dict[str, str] = {item["from_tag"]: item["to_tag"] for item in self._items}

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Return the synonyms in a JSON list of the API's items; or pydantic's ValidationError."""
        return cls(
            TagSynonym(item.from_tag, item.to_tag, datetime.fromtimestamp(item.creation_date, UTC))
            for item in _ITEMS.validate_json(body)
        )

    def __len__(self) -> int:
        """Return the number of synonyms."""
        return len(self._items)

    def canonical(self, tag: str) -> str:
        """Return the tag that the site makes of ``tag`` in an edit."""
        return self._canonical.get(tag, tag)

    def page(self, query: QuestionQuery) -> tuple[list[dict[str, Any]], bool]:
        """Return the items of a page, and whether there are more; only sorted by creation."""
        if query.sort != "creation":
            raise ApiError(400, "bad_parameter", "`sort` must be creation in this sandbox")
        first, last = query.first or 0, query.last
        selected = [
            item
            for item in self._items
            if first <= item["creation_date"] and (last is None or item["creation_date"] <= last)
        ]
        if query.descending:
            selected.reverse()
        start = (query.page - 1) * query.page_size
        page = selected[start : start + query.page_size]
        return page, start + query.page_size < len(selected)


def _item(synonym: TagSynonym) -> dict[str, Any]:
    if synonym.to_tag is None or synonym.created_at is None:
        raise FixInputError(
            f"the site's API lists synonyms with their time, and no retired tags: {synonym}"
        )
    created = int(synonym.created_at.timestamp())
    return {
        "creation_date": created,
        "last_applied_date": created,
        "applied_count": 0,
        "from_tag": synonym.from_tag,
        "to_tag": synonym.to_tag,
    }
