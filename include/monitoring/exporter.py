"""
The exporter: reads its sources in the background, and answers scrapes from memory.

A scrape never waits for a source. While one does not answer, its last values stay, with
``tagkeeper_source_up`` 0 and the time of its last reading; ages are kept as timestamps, so that
they grow on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, start_http_server
from prometheus_client.registry import Collector

from include.addresses import without_login
from include.monitoring.airflow_source import AirflowSource
from include.monitoring.database_sources import DatabaseSource, read_state, read_volumes
from include.monitoring.host_source import HostSource
from include.monitoring.metrics import Samples
from include.notify.airflow_rest import AirflowSession
from include.settings import Settings
from include.store.engine import make_engine

log = logging.getLogger(__name__)

STATE_TIMEOUT_S: Final = 5.0
VOLUMES_TIMEOUT_S: Final = 60.0
AIRFLOW_TIMEOUT_S: Final = 10.0
SLOW_FACTOR: Final = 20
"""Volumes are counted so many times less often than the state is read."""


class Source(Protocol):
    """Something that is read again and again."""

    @property
    def name(self) -> str:
        """Label of the source."""

    @property
    def interval_s(self) -> float:
        """Seconds between readings, > 0."""

    def read(self) -> Samples:
        """Return all values; any exception means that the source is down."""


class SourceReader:
    """
    Reads one source in a thread of its own and keeps the last values.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._samples = Samples()
        self._up: bool | None = None
        self._read_at: datetime | None = None
        self._seconds: float | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        name = f"read-{self.source.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading; a reading that is under way ends on its own."""
        self._stop.set()

    def read(self) -> None:
        """Read the source once; on an error the last values stay."""
        started = time.monotonic()
        try:
            samples = self.source.read()
        except Exception as error:  # whatever is wrong with it, the others are read on
            if self._up is not False:
                log.warning("%s cannot be read: %s", self.source.name, without_login(str(error)))
            with self._lock:
                self._up = False
            return
        if self._up is False:
            log.warning("%s can be read again", self.source.name)
        with self._lock:
            self._samples, self._up = samples, True
            self._read_at = datetime.now(UTC)
            self._seconds = time.monotonic() - started

    def families(self) -> Iterator[Metric]:
        """Yield the last values."""
        with self._lock:
            samples = self._samples
        yield from samples.families()

    def add_state(self, samples: Samples) -> None:
        """Add whether and when the source was read; down before the first reading."""
        name = self.source.name
        with self._lock:
            samples.add("source_up", bool(self._up), name)
            samples.add("source_read_timestamp_seconds", self._read_at, name)
            samples.add("source_read_seconds", self._seconds, name)

    def _run(self) -> None:
        while True:
            self.read()
            if self._stop.wait(self.source.interval_s):
                return


class PlatformCollector(Collector):
    """All sources as one collector."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.readers = tuple(SourceReader(source) for source in sources)

    def collect(self) -> Iterator[Metric]:
        """Yield what is known now."""
        own = Samples()
        for reader in self.readers:
            reader.add_state(own)
        yield from own.families()
        for reader in self.readers:
            yield from reader.families()

    def start(self) -> None:
        """Start reading."""
        for reader in self.readers:
            reader.start()

    def close(self) -> None:
        """Stop reading."""
        for reader in self.readers:
            reader.close()


def sources_of(settings: Settings) -> tuple[Source, ...]:
    """Return the sources that the settings name; Airflow only with a login."""
    url, interval_s = settings.require_database_url(), settings.exporter_interval_s
    state = partial(
        read_state,
        site=settings.site,
        min_live_precision_share=settings.min_live_precision_share,
    )
    found: list[Source] = [
        DatabaseSource(
            "database",
            state,
            partial(make_engine, url, pool_size=1),
            interval_s=interval_s,
            timeout_s=STATE_TIMEOUT_S,
        ),
        DatabaseSource(
            "volumes",
            partial(read_volumes, site=settings.site),
            partial(make_engine, url, pool_size=1),
            interval_s=SLOW_FACTOR * interval_s,
            timeout_s=VOLUMES_TIMEOUT_S,
        ),
        HostSource(settings.local_dir, interval_s),
    ]
    if settings.airflow_user and settings.airflow_password:
        session = AirflowSession(
            settings.airflow_api,
            settings.airflow_user,
            settings.airflow_password.get_secret_value(),
            timeout_s=AIRFLOW_TIMEOUT_S,
        )
        found.append(AirflowSource(session, 2 * interval_s))
    return tuple(found)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve the metrics on every path until the process is stopped."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    collector = PlatformCollector(sources_of(settings))
    registry.register(collector)
    collector.start()
    _, thread = start_http_server(port, host, registry)
    log.info("metrics on %s:%d", host, port)
    thread.join()
