"""
What the site says of each tag, from its API into PostgreSQL.

The API gives the excerpts of up to twenty tags' wikis per request. A run asks for at most
`REQUESTS_PER_RUN` times as many: first for tags that were never asked for, most used first, then
for those whose description is older than `STALE_AFTER`. A tag without a description is remembered
as such.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, Self

from sqlalchemy import Engine

from include.jobs.ingestion.month_ingest import api_client
from include.settings import Settings
from include.sources.api_pages import DescriptionPage
from include.sources.stackexchange_api import TAGS_PER_REQUEST
from include.store.engine import process_engine
from include.store.tag_descriptions import (
    MergedDescriptions,
    store_descriptions,
    tags_to_describe,
)

log = logging.getLogger(__name__)

REQUESTS_PER_RUN: Final = 10
STALE_AFTER: Final = timedelta(days=180)


class DescriptionSource(Protocol):
    """Where descriptions come from; `StackExchangeClient`."""

    def tag_descriptions(self, tags: Sequence[str]) -> DescriptionPage:
        """Return what the site says of up to `TAGS_PER_REQUEST` tags."""


@dataclass(frozen=True)
class DescriptionIngestion:
    """
    Keeps the descriptions of the tags that a site's questions use.

    Parameters
    ----------
    engine : Engine
        The platform's database.
    source : DescriptionSource
    site : str
        The API's name of the site.
    now : callable
        The current time, aware.
    """

    engine: Engine
    source: DescriptionSource
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

    def pull(self) -> dict[str, Any]:
        """
        Store the descriptions that are due; each response in a transaction of its own.

        Returns
        -------
        dict
            ``tags`` asked for, how many are ``described``, ``requests`` made and ``quota_left``;
            of the stored descriptions, those ``added``, ``changed`` and ``removed``.

        Raises
        ------
        RetryLaterError, FixSettingsError
            As `StackExchangeClient.tag_descriptions`. What was stored before is kept, and the next
            run goes on after it.
        """
        started = self.now()
        most = REQUESTS_PER_RUN * TAGS_PER_REQUEST
        with self.engine.connect() as connection:
            due = tags_to_describe(connection, self.site, stale=started - STALE_AFTER, most=most)
        described, requests, quota_left = 0, 0, None
        merged = MergedDescriptions()
        for first in range(0, len(due), TAGS_PER_REQUEST):
            tags = due[first : first + TAGS_PER_REQUEST]
            page = self.source.tag_descriptions(tags)
            with self.engine.begin() as connection:
                found = {tag: page.descriptions.get(tag) for tag in tags}
                merged += store_descriptions(connection, self.site, found, self.now())
            described += len(page.descriptions)
            requests, quota_left = requests + page.requests, page.quota_left
        log.info("%d of %d tags of %s have a description", described, len(due), self.site)
        return {
            "tags": len(due),
            "described": described,
            "requests": requests,
            "quota_left": quota_left,
            "added": merged.added,
            "changed": merged.changed,
            "removed": merged.removed,
        }
