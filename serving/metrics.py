"""
Prometheus metrics of the service, correct with several workers.

Counters and histograms live in ``PROMETHEUS_MULTIPROC_DIR`` when gunicorn sets it (which must be
before this module is imported) and are added up at scrape. What every request counts is noted in
memory first (`serving.batches`), so a scrape may miss other workers' last half second. What
is a state of the machine, such as the spool, is read from disk at scrape instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.batches import Batch
from serving.indicators import read_indicators
from serving.spool import spool_state

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
BUCKETS_S: Final = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
)  # fmt: skip

_PREDICTIONS: Final = Counter(
    "app_predictions_total", "Questions answered, by who answered", ["variant"]
)


class BatchHistogram(Histogram):
    """A histogram that takes many observations at once, one write for each bucket they fall in."""

    def observe_many(self, values: Sequence[float]) -> None:
        """Observe each of ``values``."""
        self._sum.inc(sum(values))
        buckets = np.bincount(np.searchsorted(self._upper_bounds, values))
        for bucket, count in enumerate(buckets.tolist()):
            if count:
                self._buckets[bucket].inc(count)


_PREDICTION_TIME: Final = BatchHistogram(
    "app_prediction_time_seconds",
    "Time to answer a request for tags, recording included",
    buckets=BUCKETS_S,
)
_STEP_TIME: Final = BatchHistogram(
    "app_step_time_seconds", "Time of each step of an answer", ["step"], buckets=BUCKETS_S
)
ERRORS: Final = Counter("app_errors_total", "Requests refused or failed, by kind", ["kind"])
_SHADOWS: Final = Counter("app_shadow_predictions_total", "Answers computed in the shadow")
FEEDBACK: Final = Counter("app_feedback_total", "Feedback received, by source", ["source"])
_RECORDED: Final = Counter("app_recorded_rows_total", "Rows made durable in the spool")
RECORD_FAILURES: Final = Counter(
    "app_record_failures_total", "Answers refused because they could not be made durable"
)
DRAINED: Final = Counter("app_drained_rows_total", "Rows moved from the spool to PostgreSQL")
DRAIN_FAILURES: Final = Counter(
    "app_drain_failures_total", "Attempts to drain the spool that failed"
)
REJECTED: Final = Counter("app_rejected_rows_total", "Rows that PostgreSQL refused, put aside")
MODEL_SWAPS: Final = Counter("app_model_swaps_total", "Models taken into service, by all workers")
MODEL_FAILURES: Final = Counter(
    "app_model_failures_total", "Models that could not be fetched or loaded, by step", ["step"]
)
MODEL_VERSION: Final = Gauge(
    "app_model_version",
    "Version that each worker answers with",
    ["alias"],
    multiprocess_mode="liveall",
)
MODEL_CREATED: Final = Gauge(
    "app_model_created_timestamp_seconds",
    "When the champion was registered",
    multiprocess_mode="livemax",
)


class Answered(NamedTuple):
    """What one call of the suggester took, in seconds, and the answers it gave and computed."""

    prepare: float
    rank: float
    record: float
    by_champion: int
    by_challenger: int
    in_shadow: int


class Requested(NamedTuple):
    """What one answered request took, in seconds: parsing alone, and all of it."""

    parse: float
    total: float


def _count_answers(noted: Sequence[Answered]) -> None:
    prepare, rank, record, by_champion, by_challenger, in_shadow = zip(*noted, strict=True)
    _PREPARE_TIME.observe_many(prepare)
    _RANK_TIME.observe_many(rank)
    _RECORD_TIME.observe_many(record)
    _BY_CHAMPION.inc(sum(by_champion))
    _BY_CHALLENGER.inc(sum(by_challenger))
    _SHADOWS.inc(sum(in_shadow))


def _count_requests(noted: Sequence[Requested]) -> None:
    parse, total = zip(*noted, strict=True)
    _PARSE_TIME.observe_many(parse)
    _PREDICTION_TIME.observe_many(total)


_PARSE_TIME: Final = _STEP_TIME.labels("parse")
_PREPARE_TIME: Final = _STEP_TIME.labels("prepare")
_RANK_TIME: Final = _STEP_TIME.labels("rank")
_RECORD_TIME: Final = _STEP_TIME.labels("record")
_BY_CHAMPION: Final = _PREDICTIONS.labels("champion")
_BY_CHALLENGER: Final = _PREDICTIONS.labels("challenger")
ANSWERED: Final = Batch(_count_answers)
REQUESTED: Final = Batch(_count_requests)
RECORDED: Final[Batch[int]] = Batch(lambda amounts: _RECORDED.inc(sum(amounts)))
BATCHES: Final[tuple[Batch[Any], ...]] = (ANSWERED, REQUESTED, RECORDED)
"""What requests note instead of writing to shared memory; a scrape sees all of its own worker."""


class MachineCollector(Collector):
    """
    What is on this machine's disk, whoever put it there.

    Parameters
    ----------
    spool_folder, indicators_path : Path
    """

    def __init__(self, spool_folder: Path, indicators_path: Path) -> None:
        self._spool_folder = spool_folder
        self._indicators_path = indicators_path

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield spool size and age, and the latest day's indicators where there are any."""
        size, age = spool_state(self._spool_folder)
        yield GaugeMetricFamily("app_spool_bytes", "Bytes waiting for PostgreSQL", value=size)
        yield GaugeMetricFamily(
            "app_spool_oldest_seconds", "Age of the oldest row waiting for PostgreSQL", value=age
        )
        latest = next(
            (day for day in reversed(read_indicators(self._indicators_path)) if day.judged), None
        )
        if latest is None or latest.precision is None or latest.coverage is None:
            return
        yield GaugeMetricFamily(
            "app_live_precision_ratio",
            "Share of suggested tags that were true, on the latest day with known tags",
            value=latest.precision,
        )
        yield GaugeMetricFamily(
            "app_live_coverage_ratio",
            "Share of true tags that were suggested, on the latest day with known tags",
            value=latest.coverage,
        )
        yield GaugeMetricFamily(
            "app_live_judged", "Answers with known tags on that day", value=latest.judged
        )


def scrape(collector: Collector) -> bytes:
    """Return all metrics in Prometheus' text format, added up over the workers."""
    for batch in BATCHES:
        batch.flush()
    registry = CollectorRegistry()
    registry.register(collector)
    own = generate_latest(registry)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared) + own
    return generate_latest(REGISTRY) + own
