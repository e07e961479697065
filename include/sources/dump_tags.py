"""
The excerpts of tag wikis in a data dump: ``Tags.xml`` says which post is which tag's excerpt.

Its row of a tag has ``ExcerptPostId``, and that post of ``Posts.xml`` has the text as its ``Body``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from include.errors import FixInputError
from include.questions import is_tag, normalized_tag
from include.sources.fields import EARLIEST, FieldError, parse_time
from include.sources.tag_excerpts import TagExcerpts
from include.sources.xml_rows import xml_rows

TAGS_FILE: Final = "Tags.xml"
MAX_TAGS: Final = 500_000
"""Tags of a dump, whose excerpts are held in memory; Stack Overflow has 66,000."""


class Row(Protocol):
    """A row of the dump's XML: columns by name."""

    def get(self, column: str, /) -> str | None:
        """Return a column's text, None where the row lacks it."""


@dataclass(slots=True)
class DumpExcerpts:
    """
    The excerpts of a dump's tags, gathered while its posts are read, wherever they stand there.

    Parameters
    ----------
    tag_of_post : mapping of str to str
        Tag by the id of its excerpt, from `read_dump_tags`.
    excerpts : TagExcerpts
        Those that were found so far.
    edited_at : datetime
        When the last of them was edited, aware; `EARLIEST` if that is not known. What was read from
        the site between that time and the day of the dump says the same as the dump.
    """

    tag_of_post: Mapping[str, str]
    excerpts: TagExcerpts = field(default_factory=TagExcerpts)
    edited_at: datetime = EARLIEST

    def take(self, row: Row) -> None:
        """Take the post of a tag wiki's excerpt; one that no tag names is left out."""
        tag = self.tag_of_post.get(row.get("Id") or "")
        if tag is None:
            return
        self.excerpts.add(tag, row.get("Body") or "")
        edited = row.get("LastActivityDate") or row.get("LastEditDate") or row.get("CreationDate")
        try:
            moment = parse_time(edited, Counter(), datetime.now(UTC) + timedelta(days=1))
        except FieldError:
            return  # the others tell
        self.edited_at = max(self.edited_at, moment)

    @property
    def missing(self) -> int:
        """Excerpts that ``Tags.xml`` names and that were not among the posts."""
        return len(set(self.tag_of_post.values()) - self.excerpts.descriptions.keys())


def read_dump_tags(path: Path) -> DumpExcerpts:
    """
    Return which post is which tag's excerpt, with no excerpt read so far.

    Parameters
    ----------
    path : Path
        ``Tags.xml``, or an archive with one such file inside.

    Raises
    ------
    FixInputError
        If the file is broken, a row has no tag or no number where one belongs, or there are more
        than `MAX_TAGS`.
    """
    tag_of_post: dict[str, str] = {}
    for number, row in enumerate(xml_rows(path, TAGS_FILE, Counter()), start=1):
        place = f"{path.name}, row {number}"
        name, post_id = row.get("TagName"), row.get("ExcerptPostId")
        if name is None:
            raise FixInputError(f"{place}: TagName is missing; is it the dump's {TAGS_FILE}?")
        if number > MAX_TAGS:
            raise FixInputError(f"{path.name} has more than {MAX_TAGS:,} tags")
        if not post_id:
            continue
        if not post_id.isascii() or not post_id.isdecimal():
            raise FixInputError(f"{place}: ExcerptPostId is {post_id[:40]!r}, not a number")
        tag = normalized_tag(name.strip())
        if is_tag(tag):  # no stored question bears any other
            tag_of_post[post_id] = tag
    return DumpExcerpts(tag_of_post)
