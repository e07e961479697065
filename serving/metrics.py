"""
Prometheus metrics of the service, correct with several workers.

Counters and histograms live in ``PROMETHEUS_MULTIPROC_DIR`` when gunicorn sets it (which must be
before this module is imported) and are added up at scrape. Observations of requests are buffered
in memory first (`serving.write_buffers`), so a scrape may miss other workers' last half second. The
state of the machine, such as the size of the spool, is read from disk at scrape.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

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

from serving.indicators import read_indicators
from serving.set_aside import SetAside
from serving.spool import spool_state
from serving.write_buffers import WriteBuffer

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
BUCKETS_S: Final = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
)  # fmt: skip

_PREDICTIONS: Final = Counter(
    "app_predictions_total", "Questions answered, by variant", ["variant"]
)


_PREDICTION_TIME: Final = Histogram(
    "app_prediction_time_seconds",
    "Time to answer a request for tags, recording included",
    buckets=BUCKETS_S,
)
_STEP_TIME: Final = Histogram(
    "app_step_time_seconds", "Time of each step of an answer", ["step"], buckets=BUCKETS_S
)
ERRORS: Final = Counter("app_errors_total", "Requests refused or failed, by kind", ["kind"])
_SHADOW_PREDICTIONS: Final = Counter(
    "app_shadow_predictions_total", "Answers computed in shadow mode"
)
FEEDBACK: Final = Counter("app_feedback_total", "Feedback received, by source", ["source"])
_RECORDED: Final = Counter("app_recorded_rows_total", "Rows made durable in the spool")
RECORD_FAILURES: Final = Counter(
    "app_record_failures_total", "Answers refused because they could not be made durable"
)
DRAINED: Final = Counter("app_drained_rows_total", "Rows moved from the spool to PostgreSQL")
DRAIN_FAILURES: Final = Counter(
    "app_drain_failures_total", "Attempts to drain the spool that failed"
)
REJECTED: Final = Counter(
    "app_rejected_rows_total", "Rows that PostgreSQL refused, kept in refused.log for a replay"
)
DAMAGED: Final = Counter(
    "app_damaged_records_total", "Damaged stretches of the spool, kept in damaged.log"
)
MODEL_SWAPS: Final = Counter("app_model_swaps_total", "Model swaps, over all workers")
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


class AnswerTimings(NamedTuple):
    """Seconds of each step of one call of the suggester, and its answers by variant."""

    prepare: float
    rank: float
    record: float
    by_champion: int
    by_challenger: int
    in_shadow: int


class RequestTimings(NamedTuple):
    """Seconds of one answered request: parsing, and in total."""

    parse: float
    total: float


def _count_answers(timings: Sequence[AnswerTimings]) -> None:
    for one in timings:
        _PREPARE_TIME.observe(one.prepare)
        _RANK_TIME.observe(one.rank)
        _RECORD_TIME.observe(one.record)
    _BY_CHAMPION.inc(sum(one.by_champion for one in timings))
    _BY_CHALLENGER.inc(sum(one.by_challenger for one in timings))
    _SHADOW_PREDICTIONS.inc(sum(one.in_shadow for one in timings))


def _count_requests(timings: Sequence[RequestTimings]) -> None:
    for one in timings:
        _PARSE_TIME.observe(one.parse)
        _PREDICTION_TIME.observe(one.total)


_PARSE_TIME: Final = _STEP_TIME.labels("parse")
_PREPARE_TIME: Final = _STEP_TIME.labels("prepare")
_RANK_TIME: Final = _STEP_TIME.labels("rank")
_RECORD_TIME: Final = _STEP_TIME.labels("record")
_BY_CHAMPION: Final = _PREDICTIONS.labels("champion")
_BY_CHALLENGER: Final = _PREDICTIONS.labels("challenger")
ANSWER_TIMINGS: Final = WriteBuffer(_count_answers)
REQUEST_TIMINGS: Final = WriteBuffer(_count_requests)
RECORDED: Final[WriteBuffer[int]] = WriteBuffer(lambda amounts: _RECORDED.inc(sum(amounts)))
BUFFERS: Final[tuple[WriteBuffer[Any], ...]] = (ANSWER_TIMINGS, REQUEST_TIMINGS, RECORDED)
"""Flushed by a scrape, which therefore sees every observation of its own worker."""


class MachineCollector(Collector):
    """
    Gauges of the state on this machine's disk, the same in every worker.

    Parameters
    ----------
    spool_folder, indicators_path : Path
    """

    def __init__(self, spool_folder: Path, indicators_path: Path) -> None:
        self._spool_folder = spool_folder
        self._indicators_path = indicators_path

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the spool's size and age, and the latest day's indicators if there are any."""
        size, age = spool_state(self._spool_folder)
        yield GaugeMetricFamily("app_spool_bytes", "Bytes waiting for PostgreSQL", value=size)
        yield GaugeMetricFamily(
            "app_spool_oldest_seconds", "Age of the oldest row waiting for PostgreSQL", value=age
        )
        set_aside = GaugeMetricFamily(
            "app_set_aside_bytes", "Rows refused and stretches damaged, on disk", labels=["kind"]
        )
        for kind, waiting in SetAside(self._spool_folder).sizes().items():
            set_aside.add_metric([kind], waiting)
        yield set_aside
        latest = next(
            (day for day in reversed(read_indicators(self._indicators_path)) if day.judged), None
        )
        if latest is None or latest.precision is None or latest.recall is None:
            return
        yield GaugeMetricFamily(
            "app_live_precision_ratio",
            "Share of suggested tags that were true, on the latest day with known tags",
            value=latest.precision,
        )
        yield GaugeMetricFamily(
            "app_live_recall_ratio",
            "Share of true tags that were suggested, on the latest day with known tags",
            value=latest.recall,
        )
        yield GaugeMetricFamily(
            "app_live_judged", "Answers with known tags on that day", value=latest.judged
        )


def scrape(collector: Collector) -> bytes:
    """Return all metrics in Prometheus' text format, summed over the workers."""
    for buffer in BUFFERS:
        buffer.flush()
    registry = CollectorRegistry()
    registry.register(collector)
    own = generate_latest(registry)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        shared = CollectorRegistry()
        multiprocess.MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared) + own
    return generate_latest(REGISTRY) + own
