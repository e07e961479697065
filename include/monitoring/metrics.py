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


METRICS: Final = (
    # The exporter itself
    Metric("source_up", "1 if the last reading of the source succeeded, else 0", ("source",)),
    Metric("source_read_timestamp_seconds", "When the source was last read", ("source",)),
    Metric("source_read_seconds", "Duration of the last reading", ("source",)),
    Metric("clock_offset_seconds", "Clock of the database minus this machine's"),
    # Questions
    Metric("month_questions", "Stored questions asked in the month", ("month",)),
    Metric("newest_question_timestamp_seconds", "When the newest stored question was asked"),
    Metric("ingest_write_timestamp_seconds", "When a fetch window was last written"),
    Metric("windows_waiting", "Fetch windows that are not finished"),
    Metric("api_quota_left", "Requests left of the API's daily quota, as last reported"),
    Metric("api_quota_timestamp_seconds", "When the quota was last reported"),
    Metric(
        "label_agreement_ratio",
        "F1 of the tags read first against the settled ones, by month of the question",
        ("month",),
    ),
    Metric("labels_changed_ratio", "Share of the month's questions whose tags changed", ("month",)),
    Metric("labels_read_timestamp_seconds", "When tags of the newest 31 days were last read"),
    Metric(
        "labels_settled_ratio",
        "Share of the questions of 31 days whose tags were read a second time, changed or not",
    ),
    # Models
    Metric("champion_info", "1, with the champion's version by the ledger", ("model_version",)),
    Metric("champion_promoted_timestamp_seconds", "When the version became champion"),
    Metric("champion_created_timestamp_seconds", "When the champion's version was made"),
    Metric(
        "champion_trained_until_timestamp_seconds",
        "End of the champion's training window: later questions it has not learned",
    ),
    Metric(
        "champion_learned_from_timestamp_seconds",
        "When the first question was asked that the champion learned from",
    ),
    Metric("champion_training_questions", "Questions that the champion learned from"),
    Metric("champion_window_questions", "Questions of the champion's training window"),
    Metric("champion_vocabulary_tags", "Tags that the champion can suggest"),
    Metric(
        "unreachable_questions_ratio",
        "Share of the questions of the newest 31 days with a tag that the champion cannot suggest",
    ),
    Metric(
        "requests_naming_unreachable_ratio",
        "Share of the distinct requests of the last checked day that name a tag of the site which "
        "the champion cannot suggest",
    ),
    Metric(
        "estimated_f1_ratio",
        "F1@5 that the scores of the champion's suggestions let expect, over all answers of 7 days",
    ),
    Metric(
        "estimated_f1_low_ratio",
        "Lower end of its 95 % interval, without the error of the scores",
    ),
    Metric(
        "estimated_f1_high_ratio",
        "Upper end of its 95 % interval, without the error of the scores",
    ),
    Metric(
        "estimated_f1_bias_ratio",
        "Estimate minus what came true, over the answers of 7 days whose true tags are known",
    ),
    Metric(
        "estimated_suggested_f1_ratio",
        "F1 of the tags suggested outright that the scores let expect, over all answers of 7 days",
    ),
    Metric(
        "estimated_suggested_f1_bias_ratio",
        "That estimate minus what came true, over the answers of 7 days whose true tags are known",
    ),
    Metric(
        "daily_estimated_f1_ratio",
        "F1@5 that the scores of yesterday's answers let expect, by the UTC day",
    ),
    Metric(
        "daily_estimated_f1_low_ratio",
        "Lower end of its 95 % interval, without the error of the scores",
    ),
    Metric(
        "daily_estimated_f1_high_ratio",
        "Upper end of its 95 % interval, without the error of the scores",
    ),
    Metric(
        "daily_estimated_f1_error_ratio",
        "Mean absolute error of the F1@5 estimated by day, over the judged answers of 31 days",
    ),
    Metric(
        "daily_estimated_f1_bias_ratio",
        "F1@5 estimated by day minus what came true, mean over the judged answers of 31 days",
    ),
    Metric("drift_f1_ratio", "F1@5 of the questions of the latest check", ("kind",)),
    Metric(
        "drift_estimated_f1_ratio",
        "F1@5 that the scores let expect of the questions of the latest check",
        ("kind",),
    ),
    Metric(
        "hourly_estimated_f1_error_ratio",
        "Mean absolute error of the F1@5 estimated by hour, over the judged answers of 9 days",
    ),
    Metric(
        "hourly_estimated_f1_bias_ratio",
        "F1@5 estimated by hour minus what came true, mean over the judged answers of 9 days",
    ),
    Metric("drift_estimated_f1_low_ratio", "Lower end of its 95 % interval", ("kind",)),
    Metric("drift_estimated_f1_high_ratio", "Upper end of its 95 % interval", ("kind",)),
    Metric("coverage_tags_ratio", "Share of the tags used on the site that the champion knows"),
    Metric("coverage_uses_ratio", "Share of the uses of tags on the site that the champion knows"),
    Metric("tested_precision_ratio", "The champion's precision@5 on its test month"),
    Metric(
        "live_precision_ratio",
        "Share of the champion's five best suggestions that were true, in 7 days",
    ),
    Metric("live_recall_ratio", "Share of true tags among the champion's suggestions, in 7 days"),
    Metric(
        "live_suggested_f1_ratio",
        "Mean F1 of the tags that the champion suggested outright, in 7 days",
    ),
    Metric("live_judged_answers", "The champion's answers of 7 days whose true tags are known"),
    Metric(
        "live_precision_threshold_ratio",
        "MIN_LIVE_PRECISION_SHARE of the tested precision; less is an alert",
    ),
    # Drift
    Metric("drift_signal_value", "Value of a drift signal in the latest check", ("kind", "signal")),
    Metric("drift_signal_threshold", "Calibrated threshold of a drift signal", ("kind", "signal")),
    Metric("drift_check_timestamp_seconds", "When the latest drift check was made", ("kind",)),
    Metric("drift_check_questions", "Questions that the latest check compared", ("kind",)),
    Metric(
        "drift_check_window_questions",
        "Questions of the latest check's window, of which it may compare a sample",
        ("kind",),
    ),
    Metric("drift_verdict", "1, with the verdict of the latest drift check", ("kind", "verdict")),
    Metric(
        "drift_report_info", "1, with the number of the latest drift report", ("kind", "report_id")
    ),
    Metric("decisions_total", "Decisions on drift checks", ("kind", "action")),
    Metric("decision_timestamp_seconds", "When the last decision was made", ("kind", "action")),
    # Airflow
    Metric("dag_paused", "1 if the DAG is paused", ("dag_id",)),
    Metric(
        "dag_next_run_timestamp_seconds", "When the DAG's next scheduled run is due", ("dag_id",)
    ),
    Metric("dag_success_timestamp_seconds", "End of the DAG's last successful run", ("dag_id",)),
    Metric("dag_duration_seconds", "Duration of the DAG's last ended run", ("dag_id",)),
    Metric("dag_failed", "1 if the DAG's last ended run failed, else 0", ("dag_id",)),
    Metric("dag_runs_active", "Runs of the DAG that are queued or running", ("dag_id",)),
    Metric(
        "dag_oldest_active_timestamp_seconds",
        "Since when the oldest active run is queued",
        ("dag_id",),
    ),
    Metric(
        "dag_month_success_timestamp_seconds",
        "End of the DAG's last successful run on the month",
        ("dag_id", "month"),
    ),
    Metric(
        "dag_month_duration_seconds",
        "Duration of the DAG's last ended run on the month",
        ("dag_id", "month"),
    ),
    Metric(
        "dag_month_failed", "1 if the DAG's last ended run on the month failed", ("dag_id", "month")
    ),
    Metric("mails_waiting", "Mails and Slack messages that are not delivered yet"),
    Metric("incidents_waiting", "Notices of failed tasks and runs that are not delivered yet"),
    Metric(
        "airflow_heartbeat_timestamp_seconds", "Last heartbeat of a part of Airflow", ("component",)
    ),
    # PostgreSQL and the machine
    Metric("backup_timestamp_seconds", "When the latest backup was finished"),
    Metric("backup_bytes", "Size of everything in the latest backup"),
    Metric("backup_duration_seconds", "Duration of the latest backup"),
    Metric("table_bytes", "Size of a table with indexes and partitions", ("table",)),
    Metric("table_rows", "Rows of a table as PostgreSQL estimates them", ("table",)),
    Metric("disk_free_bytes", "Free space of the file system", ("place",)),
    Metric("disk_size_bytes", "Size of the file system", ("place",)),
    Metric("memory_available_bytes", "Memory that programs can still take"),
    Metric("memory_size_bytes", "Memory of the machine"),
    Metric("load1", "Runnable processes, mean of a minute"),
    Metric("cpus", "Processor cores"),
    Metric("cpu_seconds_total", "Processor time of all cores", ("mode",)),
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
