"""
What the leading worker looks up in PostgreSQL: ledger, A/B test, tags, live indicators.

In a thread of its own, so that a database that is slow or hangs delays neither the polling of the
registry nor any answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from include.errors import RetryLaterError
from include.store.deadlines import Deadlines
from include.store.errors import description
from include.store.predictions import count_indicators, daily_indicators, stale_indicator_days
from include.store.tag_descriptions import descriptions_written_at, read_descriptions
from include.store.tag_names import read_tag_names
from serving.indicators import DailyIndicators, write_indicators
from serving.model_cache import ModelCache
from serving.release import Release

log = logging.getLogger(__name__)

INDICATORS_INTERVAL_S: Final = 60.0
INDICATOR_DAYS: Final = 30
TAG_NAMES_INTERVAL_S: Final = 5.0
"""A site has some thousand synonyms; they change seldom."""
TAG_DESCRIPTIONS_INTERVAL_S: Final = 60.0
LOOKUP_INTERVAL_S: Final = 1.0
FIRST_LOOKUP_S: Final = 2.0
"""How long the first poll of the registry waits for the first look-up."""
LOOKUP_TIMEOUT_S: Final = 10.0
INDICATORS_TIMEOUT_S: Final = 60.0
COUNTING_S: Final = 5.0
"""No further day is counted after so many seconds: the next minute goes on with it."""


class Lookups:
    """
    Reads PostgreSQL once a second while this worker leads; keeps the last answers.

    Parameters
    ----------
    model_cache : ModelCache
    connect : callable returning Engine
    site : str
        Site whose indicators are computed.
    read_release : callable
        Reads the release, as `serving.release.read_release`.
    """

    def __init__(
        self,
        model_cache: ModelCache,
        *,
        connect: Callable[[], Engine],
        site: str,
        read_release: Callable[[Deadlines], Release],
    ) -> None:
        self._model_cache = model_cache
        self._database = Deadlines(connect, timeout_s=LOOKUP_TIMEOUT_S)
        self._indicators_database = Deadlines(connect, timeout_s=INDICATORS_TIMEOUT_S)
        self._site = site
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._indicators_computed_at = self._tag_names_read_at = float("-inf")
        self._descriptions_checked_at = float("-inf")
        self._descriptions_written: datetime | None = None
        self._read_release = read_release
        self._release: Release | None = None
        self._answered = threading.Condition()
        self.looked_up_at: datetime | None = None

    def release(self) -> Release:
        """Return the last known release; RetryLaterError if PostgreSQL has not answered yet."""
        if self._release is None:
            return self.next_release(FIRST_LOOKUP_S)
        return self._release

    def next_release(self, timeout_s: float) -> Release:
        """
        Wait for the next look-up, and return its release.

        Raises
        ------
        RetryLaterError
            If PostgreSQL has never answered.
        """
        if self._thread is None:
            self.poll()
        else:
            before = self.looked_up_at
            with self._answered:
                self._answered.wait_for(lambda: self.looked_up_at != before, timeout_s)
        if self._release is None:
            raise RetryLaterError(
                "PostgreSQL has not answered, so it is not known which version was promoted"
            )
        return self._release

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="lookups", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking up."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        self._database.dispose()
        self._indicators_database.dispose()

    def _run(self) -> None:
        while not self._stop.wait(LOOKUP_INTERVAL_S if self.looked_up_at else 0.1):
            try:
                if self._model_cache.leads:
                    self.poll()
            except Exception as error:  # the thread must outlive any fault; the last answers stay
                log.error("looking up failed, will be tried again: %s", description(error))

    def poll(self) -> None:
        """Look up release, tags and indicators as due; on an error the last ones stay."""
        try:
            self._release = self._read_release(self._database)
            with self._answered:
                self.looked_up_at = datetime.now(UTC)
                self._answered.notify_all()
            if time.monotonic() - self._tag_names_read_at >= TAG_NAMES_INTERVAL_S:
                with self._database.begin() as connection:
                    self._model_cache.tag_names.write(read_tag_names(connection, self._site))
                self._tag_names_read_at = time.monotonic()
            if time.monotonic() - self._descriptions_checked_at >= TAG_DESCRIPTIONS_INTERVAL_S:
                self._write_descriptions()
                self._descriptions_checked_at = time.monotonic()
            if time.monotonic() - self._indicators_computed_at >= INDICATORS_INTERVAL_S:
                self._indicators_computed_at = time.monotonic()
                self._write_indicators()
        except (SQLAlchemyError, OSError) as error:
            log.debug("PostgreSQL cannot be read: %s", description(error))
            self._database.dispose()
            self._indicators_database.dispose()

    def _write_descriptions(self) -> None:
        """Write the descriptions of tags if there are others; a large site has megabytes."""
        with self._database.begin() as connection:
            written_at = descriptions_written_at(connection, self._site)
            if written_at == self._descriptions_written:
                return
            self._model_cache.tag_descriptions.write(read_descriptions(connection, self._site))
        self._descriptions_written = written_at

    def _write_indicators(self) -> None:
        started, now = time.monotonic(), datetime.now(UTC)
        first_day = (now - timedelta(days=INDICATOR_DAYS)).date()
        with self._indicators_database.begin() as connection:
            stale = stale_indicator_days(connection, self._site, first_day, now)
        for day in stale:  # in transactions of their own: what was counted is kept
            with self._indicators_database.begin() as connection:
                counted = count_indicators(connection, self._site, day)
            if not counted or time.monotonic() - started > COUNTING_S:
                break
        with self._indicators_database.begin() as connection:
            days = daily_indicators(connection, self._site, first_day)
        write_indicators(
            self._model_cache.indicators_path, [DailyIndicators(**day) for day in days]
        )
