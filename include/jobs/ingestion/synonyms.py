"""
Tag synonyms from the site or a file into PostgreSQL.

The site lists its synonyms by the time at which they were made: a pull reads those that are newer
than the newest known one, usually with one request. Once in `FULL_AFTER` it reads all, as the site
may have removed or changed one. The site's API does not list retired tags: those come from a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, Self

from sqlalchemy import Engine

from include.jobs.ingestion.month_ingest import api_client
from include.settings import Settings
from include.sources.api_pages import SynonymPage
from include.sources.synonym_files import read_synonyms
from include.store.engine import process_engine
from include.store.tag_names import read_synonym_pull, record_synonym_pull, store_synonyms
from include.tag_names import TagSynonym

log = logging.getLogger(__name__)

FULL_AFTER: Final = timedelta(days=30)
_SITES_BEGIN: Final = datetime(2008, 1, 1, tzinfo=UTC)


class SynonymSource(Protocol):
    """Where synonyms come from; `StackExchangeClient`, or a test's recorded pages."""

    def synonyms(self, start: datetime) -> Iterator[SynonymPage]:
        """Yield the pages of synonyms made since ``start``, oldest first."""


@dataclass(frozen=True)
class SynonymIngestion:
    """
    Keeps a site's synonyms as the site has them.

    Parameters
    ----------
    engine : Engine
        The platform's database.
    source : SynonymSource
    site : str
        The API's name of the site.
    now : callable
        The current time, aware.
    """

    engine: Engine
    source: SynonymSource
    site: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the database engine and the API client of the settings."""
        return cls(
            engine=process_engine(settings.require_database_url()),
            source=api_client(settings),
            site=settings.site,
        )

    def pull(self, *, full: bool = False) -> dict[str, Any]:
        """
        Store the synonyms that are new, or all if that was long ago; safe to run again.

        Each page is stored in a transaction of its own, so that an interrupted pull of new ones
        continues at the newest stored one.

        Parameters
        ----------
        full : bool, default=False
            Read all of them now; those that the site no longer lists are deleted.

        Returns
        -------
        dict
            ``synonyms`` read, ``requests`` made, ``quota_left``, whether all were read (``full``),
            and whether the canonical names ``changed``.

        Raises
        ------
        RetryLaterError, FixSettingsError
            As `StackExchangeClient.synonyms`. Stored pages are kept.
        """
        started = self.now()
        with self.engine.connect() as connection:
            last = read_synonym_pull(connection, self.site)
        full = full or last is None or started - last.full_at >= FULL_AFTER
        start = _SITES_BEGIN if full or last is None else last.newest_at or _SITES_BEGIN
        read: list[TagSynonym] = []
        requests, quota_left, changed = 0, None, False
        for page in self.source.synonyms(start):
            with self.engine.begin() as connection:
                changed |= store_synonyms(
                    connection, self.site, page.synonyms, "api", complete=False
                )
            read += page.synonyms
            requests, quota_left = requests + page.requests, page.quota_left
        with self.engine.begin() as connection:
            if full:
                changed |= store_synonyms(connection, self.site, read, "api", complete=True)
            record_synonym_pull(connection, self.site, started, full=full)
        log.info("%d synonyms of %s read with %d requests", len(read), self.site, requests)
        return {
            "synonyms": len(read),
            "requests": requests,
            "quota_left": quota_left,
            "full": full,
            "changed": changed,
        }


def import_synonyms(engine: Engine, path: Path, site: str) -> int:
    """
    Store the synonyms and retired tags of a file, in place of those of an earlier file.

    Where the file and the site speak of one tag, the file counts. Returns their number; the same
    file again leaves the same rows.

    Raises
    ------
    FixInputError
        If the file cannot be read; nothing is stored then.
    """
    synonyms = read_synonyms(path)
    with engine.begin() as connection:
        store_synonyms(connection, site, synonyms, "file", complete=True)
    return len(synonyms)
