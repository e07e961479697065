"""
Every metric of the exporter: name, type, labels and meaning, once.

Alert rules, dashboards and `docs/monitoring.md` name these metrics; tests compare them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX: Final = "tagkeeper_"


@dataclass(frozen=True, slots=True)
class Metric:
    """
    A declared metric.

    Parameters
    ----------
    name : str
        Without `PREFIX`; a counter ends in ``_total``.
    description : str
        Its meaning, with the unit if the name has none.
    labels : tuple of str
    """

    name: str
    description: str
    labels: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["counter", "gauge"]:
        """Its type; a counter never falls while its source is the same."""
        return "counter" if self.name.endswith("_total") else "gauge"


METRICS: Final = tuple(
    Metric(*row)
    for row in (
        # The exporter itself
        ("source_up", "1 if the last reading of the source succeeded, else 0", ("source",)),
        ("source_read_timestamp_seconds", "When the source was last read", ("source",)),
        ("source_read_seconds", "Duration of the last reading", ("source",)),
        ("clock_offset_seconds", "Clock of the database minus this machine's", ()),
        # Questions
        ("month_questions", "Stored questions asked in the month", ("month",)),
        ("newest_question_timestamp_seconds", "When the newest stored question was asked"),
        ("ingest_write_timestamp_seconds", "When a fetch window was last written"),
        ("windows_waiting", "Fetch windows that are not finished"),
        ("api_quota_left", "Requests left of the API's daily quota, as last reported"),
        ("api_quota_timestamp_seconds", "When the quota was last reported"),
        ("labels_read_timestamp_seconds", "When tags of the newest 31 days were last read"),
        ("labels_settled_ratio", "Share of these questions whose tags were read a second time"),
        # Models
        ("champion_info", "1, with the champion's version by the ledger", ("model_version",)),
        ("champion_promoted_timestamp_seconds", "When it became champion"),
        ("champion_created_timestamp_seconds", "When its version was made"),
        ("champion_trained_until_timestamp_seconds", "End of the last month it learned from"),
        ("champion_training_questions", "Questions of its training data"),
        ("champion_vocabulary_tags", "Tags that it can suggest"),
        ("coverage_tags_ratio", "Share of the tags used on the site that it can suggest"),
        ("coverage_uses_ratio", "Share of the uses of these tags that it can suggest"),
        ("tested_precision_ratio", "Its precision@5 on the test month of its training"),
        (
            "live_precision_ratio",
            "Share of its five best suggestions that were true, over the last 7 days",
        ),
        ("live_recall_ratio", "Share of true tags among these suggestions, over the last 7 days"),
        ("live_judged_answers", "Its answers of the last 7 days whose true tags are known"),
        (
            "live_precision_threshold_ratio",
            "MIN_LIVE_PRECISION_SHARE of its tested precision; less is an alert",
        ),
        # Drift
        ("drift_signal_value", "Value in the latest check", ("kind", "signal")),
        ("drift_signal_threshold", "Its calibrated threshold", ("kind", "signal")),
        ("drift_check_timestamp_seconds", "When the latest check was made", ("kind",)),
        ("drift_check_questions", "Questions of the latest check", ("kind",)),
        ("drift_verdict", "1, with the latest check's verdict", ("kind", "verdict")),
        ("drift_report_info", "1, with the number of the latest report", ("kind", "report_id")),
        ("decisions_total", "Decisions on drift checks", ("kind", "action")),
        ("decision_timestamp_seconds", "When the last one was made", ("kind", "action")),
        # Airflow
        ("dag_paused", "1 if the DAG is paused", ("dag_id",)),
        ("dag_next_run_timestamp_seconds", "When its next scheduled run is due", ("dag_id",)),
        ("dag_success_timestamp_seconds", "End of its last successful run", ("dag_id",)),
        ("dag_duration_seconds", "Duration of its last ended run", ("dag_id",)),
        ("dag_failed", "1 if its last ended run failed, else 0", ("dag_id",)),
        ("dag_runs_active", "Its runs that are queued or running", ("dag_id",)),
        ("dag_oldest_active_timestamp_seconds", "Since when the oldest is queued", ("dag_id",)),
        (
            "dag_month_success_timestamp_seconds",
            "End of its last successful run on the month",
            ("dag_id", "month"),
        ),
        (
            "dag_month_duration_seconds",
            "Duration of its last ended run on the month",
            ("dag_id", "month"),
        ),
        ("dag_month_failed", "1 if its last ended run on the month failed", ("dag_id", "month")),
        ("mails_waiting", "Mails and Slack messages that are not delivered yet"),
        ("incidents_waiting", "Notices of failed tasks and runs that are not delivered yet"),
        (
            "airflow_heartbeat_timestamp_seconds",
            "Last heartbeat of a part of Airflow",
            ("component",),
        ),
        # PostgreSQL and the machine
        ("backup_timestamp_seconds", "When the latest backup was finished"),
        ("backup_bytes", "Size of everything in it"),
        ("backup_duration_seconds", "How long it took"),
        ("table_bytes", "Size with indexes and partitions", ("table",)),
        ("table_rows", "Rows as PostgreSQL estimates them", ("table",)),
        ("disk_free_bytes", "Free space of the file system", ("place",)),
        ("disk_size_bytes", "Size of the file system", ("place",)),
        ("memory_available_bytes", "Memory that programs can still take"),
        ("memory_size_bytes", "Memory of the machine"),
        ("load1", "Runnable processes, mean of a minute"),
        ("cpus", "Processor cores"),
        ("cpu_seconds_total", "Processor time of all cores", ("mode",)),
    )
)
BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in METRICS}


class Samples:
    """Values of declared metrics, as one source read them."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}

    def add(self, name: str, value: float | datetime | None, *labels: str) -> None:
        """
        Add a value; nothing if it is None, for what is not known.

        Parameters
        ----------
        name : str
            As declared in `METRICS`.
        value : float, datetime or None
            A datetime becomes Unix seconds.
        labels : str
            One value for each label of the metric.
        """
        metric = BY_NAME[name]
        if len(labels) != len(metric.labels):
            raise ValueError(f"{name} has the labels {metric.labels}, got {labels}")
        if value is None:
            return
        number = value.timestamp() if isinstance(value, datetime) else float(value)
        self._values.setdefault(name, {})[labels] = number

    def values(self, name: str) -> Mapping[tuple[str, ...], float]:
        """Return the values of a metric by the values of its labels."""
        return self._values.get(name, {})

    def families(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield them as prometheus_client takes them, in the order of the declarations."""
        for metric in METRICS:
            values = self.values(metric.name)
            if not values:
                continue
            family_of = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = family_of(PREFIX + metric.name, metric.description, labels=metric.labels)
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family
