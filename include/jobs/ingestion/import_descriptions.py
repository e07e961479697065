"""
Descriptions of tags from files into PostgreSQL: from a data dump, CSV or JSON lines.

They go through the same door as those of the API: of two readings of a tag the later counts. A dump
was read when it was exported or, where nobody says when that was, when the last of its excerpts was
edited: what the API says from then until the day of the dump is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from include.errors import FixInputError
from include.sources.byte_chunks import find_dump_table
from include.sources.description_files import read_description_file
from include.sources.dump import read_excerpts
from include.sources.dump_tags import TAGS_FILE, DumpExcerpts, read_dump_tags
from include.sources.files import is_dump
from include.sources.tag_excerpts import TagExcerpts
from include.store.tag_descriptions import MergedDescriptions, store_descriptions, tags_not_borne

_NAMED: Final = 5
"""Unknown tags that are named."""


@dataclass(frozen=True, slots=True)
class ImportedDescriptions:
    """
    The result of an import of descriptions.

    Parameters
    ----------
    excerpts : TagExcerpts
        What was read.
    merged : MergedDescriptions
        What became of it.
    unknown : tuple of str
        Tags with a description that no stored question bears, in order. Theirs are stored too: the
        questions may come later.
    missing : int, default=0
        Excerpts that a dump's ``Tags.xml`` names and that were not among its posts.
    """

    excerpts: TagExcerpts
    merged: MergedDescriptions
    unknown: tuple[str, ...]
    missing: int = 0


def import_descriptions(
    engine: Engine,
    path: Path,
    site: str,
    *,
    as_of: datetime | None = None,
    on_read: Callable[[int], None] = lambda _: None,
) -> ImportedDescriptions:
    """
    Store what a file says of a site's tags; the same file again leaves the same descriptions.

    Parameters
    ----------
    engine : Engine
        On a migrated database.
    path : Path
        A data dump, of which nothing else is read, or ``.csv`` or ``.jsonl``.
    site : str
        The API's name of the site.
    as_of : datetime or None
        When the file was exported, aware: descriptions read later are kept. None is the current
        time, or for a dump the time of the last edit in it.
    on_read : callable, optional
        Called with the number of a dump's rows read so far, now and then.

    Raises
    ------
    FixInputError
        If the file cannot be read or a dump lacks ``Tags.xml``; nothing is stored then.
    """
    refuse_future(as_of)
    if not is_dump(path):
        excerpts = read_description_file(path)
        return _store(engine, site, excerpts, as_of or datetime.now(UTC))
    found = dump_excerpts(path)
    if found is None:
        raise FixInputError(
            f"{path} has no Tags.xml in it or beside it, which says what each excerpt describes: "
            "put the one of the same dump there, named like it (Posts.xml and Tags.xml, "
            "x-Posts.7z and x-Tags.7z)"
        )
    read_excerpts(path, found, on_read)
    return store_excerpts(engine, site, found, as_of)


def dump_excerpts(path: Path) -> DumpExcerpts | None:
    """Return what takes a dump's excerpts while it is read; None if there is no ``Tags.xml``."""
    tags = find_dump_table(path, TAGS_FILE) if is_dump(path) else None
    return None if tags is None else read_dump_tags(tags)


def store_excerpts(
    engine: Engine, site: str, found: DumpExcerpts, as_of: datetime | None
) -> ImportedDescriptions:
    """Store the excerpts of a dump that was read to its end."""
    return _store(engine, site, found.excerpts, as_of or found.edited_at, found.missing)


def refuse_future(as_of: datetime | None) -> None:
    """Raise FixInputError for a time of export that has not come."""
    if as_of is not None and as_of > datetime.now(UTC):
        raise FixInputError(f"as_of {as_of:%Y-%m-%d} is in the future: when was it exported?")


def summarise_descriptions(imported: ImportedDescriptions) -> list[str]:
    """Return what people should know about an import of descriptions, one sentence each."""
    merged, unknown = imported.merged, imported.unknown
    lines = [
        f"descriptions of {len(imported.excerpts.descriptions):,} tags read: "
        f"{merged.added:,} added, {merged.changed:,} changed, {merged.removed:,} removed"
    ]
    if merged.kept:
        lines.append(f"{merged.kept:,} left as they are: they were read later than this file")
    if unknown:
        named = ", ".join(unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
        lines.append(f"{len(unknown):,} of tags that no stored question bears: {named}")
    if imported.missing:
        lines.append(f"{imported.missing:,} excerpts that Tags.xml names are not among the posts")
    return lines + imported.excerpts.summary()


def _store(
    engine: Engine, site: str, excerpts: TagExcerpts, read_at: datetime, missing: int = 0
) -> ImportedDescriptions:
    described = [tag for tag, text in excerpts.descriptions.items() if text is not None]
    with engine.begin() as connection:
        merged = store_descriptions(connection, site, excerpts.descriptions, read_at)
    with engine.connect() as connection:
        unknown = tags_not_borne(connection, site, described)
    return ImportedDescriptions(excerpts, merged, tuple(unknown), missing)
