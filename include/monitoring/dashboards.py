"""The dashboards: service, model quality, drift, pipeline, host; `make docs` writes their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from include import names
from include.monitoring.config import FILES
from include.monitoring.grafana import Dashboard, Panel, PanelLink, Query, Unit, dashboard_json

FOLDER: Final = FILES / "grafana" / "dashboards"
ADDRESSES: Final = (
    ("airflow", "http://127.0.0.1:8080"),
    ("mlflow", "http://127.0.0.1:5000"),
    ("evidently", "http://127.0.0.1:8085"),
    ("alertmanager", "http://127.0.0.1:9093"),
)
RUNS: Final = PanelLink("Runs in Airflow", "${airflow}/dags")
TRAININGS: Final = PanelLink("Trainings in Airflow", f"${{airflow}}/dags/{names.DAG_TRAIN}")
CHECKS: Final = PanelLink("Checks in Airflow", f"${{airflow}}/dags/{names.DAG_MONITOR_DRIFT}")
MAILS: Final = PanelLink(
    "Mails and their facts in Airflow", f"${{airflow}}/dags/{names.DAG_SEND_MAIL}"
)
MODEL: Final = PanelLink("Versions in MLflow", f"${{mlflow}}/#/models/{names.MODEL}")
REPORTS: Final = PanelLink("Drift reports", "${evidently}")
ALERTS: Final = PanelLink("Alerts", "${alertmanager}")
RATE: Final = "$__rate_interval"


def _series(
    title: str, description: str, unit: Unit, *queries: tuple[str, str], link: PanelLink
) -> Panel:
    """Return a panel over time."""
    return Panel(title, description, unit, tuple(Query(*one) for one in queries), links=(link,))


def _now(
    title: str, description: str, unit: Unit, *queries: tuple[str, str], link: PanelLink
) -> Panel:
    """Return a narrow panel with the latest values."""
    shown = tuple(Query(*one) for one in queries)
    return Panel(title, description, unit, shown, kind="stat", links=(link,), width=6)


def _table(title: str, description: str, unit: Unit, expr: str, *, link: PanelLink) -> Panel:
    """Return a table of the latest values."""
    return Panel(title, description, unit, (Query(expr, ""),), kind="table", links=(link,))


def _quantile(share: float) -> str:
    buckets = f"sum by (le) (rate(app_prediction_time_seconds_bucket[{RATE}]))"
    return f"histogram_quantile({share}, {buckets})"


SERVICE: Final = Dashboard(
    "tagkeeper-service",
    "Service",
    (
        _series(
            "Questions answered", "By variant of an A/B test.", "reqps",
            (f"sum by (variant) (rate(app_predictions_total[{RATE}]))", "{{variant}}"),
            link=ALERTS,
        ),
        _series(
            "Requests refused or failed",
            "By kind. busy, no_model, cannot_record, internal_error and out_of_memory are the "
            "service's faults, the others those of clients.", "reqps",
            (f"sum by (kind) (rate(app_errors_total[{RATE}]))", "{{kind}}"),
            link=ALERTS,
        ),
        _series(
            "Time to answer", "Recording included; half, 95 % and 99 % of answers are faster.", "s",
            (_quantile(0.5), "50 %"), (_quantile(0.95), "95 %"), (_quantile(0.99), "99 %"),
            link=ALERTS,
        ),
        _series(
            "Slow answers",
            "Share of answers above .25 s; the budget of a month is .01. The alerts compare the "
            "longer windows.", "percentunit",
            ("app:slow_answers:ratio5m", "5 minutes"), ("app:slow_answers:ratio1h", "1 hour"),
            ("app:slow_answers:ratio6h", "6 hours"),
            link=ALERTS,
        ),
        _series(
            "Time of each step", "Mean over the answers.", "s",
            (
                f"sum by (step) (rate(app_step_time_seconds_sum[{RATE}])) / "
                f"sum by (step) (rate(app_step_time_seconds_count[{RATE}]))",
                "{{step}}",
            ),
            link=ALERTS,
        ),
        _series(
            "Rows recorded and stored",
            "Rows made durable on disk, and rows moved to PostgreSQL: the lines should be one.",
            "ops",
            (f"sum(rate(app_recorded_rows_total[{RATE}]))", "recorded"),
            (f"sum(rate(app_drained_rows_total[{RATE}]))", "stored"),
            link=ALERTS,
        ),
        _series(
            "Spool", "Bytes on disk that wait for PostgreSQL.", "bytes",
            ("app_spool_bytes", "{{instance}}"), link=ALERTS,
        ),
        _series(
            "Oldest row in the spool", "Grows while PostgreSQL takes nothing.", "s",
            ("app_spool_oldest_seconds", "{{instance}}"), link=ALERTS,
        ),
        _series(
            "Version served", "Of each worker; all should be the same.", "none",
            ("app_model_version", "{{alias}} {{instance}} {{pid}}"), link=MODEL,
        ),
        _series(
            "Model swaps and failures", "In the last hour; a failed model leaves the old one.",
            "short",
            ("sum(increase(app_model_swaps_total[1h]))", "swaps"),
            ("sum(increase(app_model_failures_total[1h])) or vector(0)", "failures"),
            link=MODEL,
        ),
        _series(
            "Feedback", "Final tags received, by source.", "ops",
            (f"sum by (source) (rate(app_feedback_total[{RATE}]))", "{{source}}"), link=ALERTS,
        ),
        _series(
            "Set aside", "Rows refused and records damaged, which wait for a person.", "bytes",
            ("app_set_aside_bytes", "{{kind}} {{instance}}"), link=ALERTS,
        ),
    ),
)  # fmt: skip

QUALITY: Final = Dashboard(
    "tagkeeper-quality",
    "Model quality",
    (
        _now(
            "Champion", "Version by the ledger of promotions.", "none",
            ("tagkeeper_champion_info", "version {{model_version}}"), link=MODEL,
        ),
        _now(
            "Champion since", "When it became champion.", "dateTimeFromNow",
            ("tagkeeper_champion_promoted_timestamp_seconds * 1000", ""), link=TRAININGS,
        ),
        _now(
            "Learned until", "End of the last month of its training data.", "dateTimeFromNow",
            ("tagkeeper_champion_trained_until_timestamp_seconds * 1000", ""), link=TRAININGS,
        ),
        _now(
            "Vocabulary", "Tags that it can suggest.", "short",
            ("tagkeeper_champion_vocabulary_tags", "tags"), link=MODEL,
        ),
        _series(
            "Live precision",
            "Share of its five best suggestions that were true, over 7 days; below the threshold a "
            "training is started.", "percentunit",
            ("tagkeeper_live_precision_ratio", "live"),
            ("tagkeeper_live_precision_threshold_ratio", "threshold"),
            ("tagkeeper_tested_precision_ratio", "on its test month"),
            link=TRAININGS,
        ),
        _series(
            "Estimated F1@5",
            "That the scores of its suggestions let expect, over all answers of 7 days, with the "
            "95 % interval; and the estimate minus what came true.",
            "percentunit",
            ("tagkeeper_estimated_f1_ratio", "estimate"),
            ("tagkeeper_estimated_f1_low_ratio", "low"),
            ("tagkeeper_estimated_f1_high_ratio", "high"),
            ("tagkeeper_estimated_f1_bias_ratio", "estimate minus truth"),
            link=TRAININGS,
        ),
        _series(
            "Estimated F1@5 of the day before",
            "That the scores of yesterday's answers let expect, with the 95 % interval; and how "
            "far the estimates of 31 days were from what came true.",
            "percentunit",
            ("tagkeeper_daily_estimated_f1_ratio", "estimate"),
            ("tagkeeper_daily_estimated_f1_low_ratio", "low"),
            ("tagkeeper_daily_estimated_f1_high_ratio", "high"),
            ("tagkeeper_daily_estimated_f1_error_ratio", "mean absolute error"),
            ("tagkeeper_daily_estimated_f1_bias_ratio", "estimate minus truth"),
            link=TRAININGS,
        ),
        _series(
            "Questions beyond the vocabulary",
            "Shares of the newest 31 days' questions with a tag that it cannot suggest, and of the "
            "requests of the last day that name one: scores do not know of these.", "percentunit",
            ("tagkeeper_unreachable_questions_ratio", "stored questions"),
            ("tagkeeper_requests_naming_unreachable_ratio", "requests"), link=MODEL,
        ),
        _series(
            "Live recall", "Share of true tags among the suggestions, over 7 days.", "percentunit",
            ("tagkeeper_live_recall_ratio", "live"), link=TRAININGS,
        ),
        _series(
            "Live F1 of the suggested tags",
            "Of the tags that it suggested outright: mean over judged answers of 7 days; as scores "
            "let expect of all answers; and the estimate minus what came true.",
            "percentunit",
            ("tagkeeper_live_suggested_f1_ratio", "live"),
            ("tagkeeper_estimated_suggested_f1_ratio", "estimate"),
            ("tagkeeper_estimated_suggested_f1_bias_ratio", "estimate minus truth"),
            link=TRAININGS,
        ),
        _series(
            "Judged answers", "Answers of 7 days whose true tags are known.", "short",
            ("tagkeeper_live_judged_answers", "answers"), link=ALERTS,
        ),
        _series(
            "Coverage",
            "Share of the site's tags, and of their uses in 12 months, that it can suggest.",
            "percentunit",
            ("tagkeeper_coverage_tags_ratio", "tags"), ("tagkeeper_coverage_uses_ratio", "uses"),
            link=MODEL,
        ),
        _series(
            "Age of labels", "Since tags of the newest questions were last read.", "s",
            ("time() - tagkeeper_labels_read_timestamp_seconds", "age"), link=RUNS,
        ),
        _series(
            "Settled labels",
            "Share of the newest questions whose tags were read a second time, changed or not.",
            "percentunit", ("tagkeeper_labels_settled_ratio", "settled"), link=RUNS,
        ),
        _series(
            "Agreement of labels",
            "F1 of the tags read first against the settled ones, by month.",
            "percentunit", ("tagkeeper_label_agreement_ratio", "{{month}}"), link=RUNS,
        ),
    ),
)  # fmt: skip

DRIFT: Final = Dashboard(
    "tagkeeper-drift",
    "Drift",
    (
        _series(
            "F1@5 of the latest checks",
            "As the scores let expect, by hour and month, with the 95 % interval; and as measured, "
            "for months.", "percentunit",
            ("tagkeeper_drift_estimated_f1_ratio", "{{kind}}, estimate"),
            ("tagkeeper_drift_estimated_f1_low_ratio", "{{kind}}, low"),
            ("tagkeeper_drift_estimated_f1_high_ratio", "{{kind}}, high"),
            ("tagkeeper_drift_f1_ratio", "{{kind}}, measured"),
            link=RUNS,
        ),
        _series(
            "Error of the F1@5 estimated by hour",
            "Against what came true two days later, over the judged answers of 9 days.",
            "percentunit",
            ("tagkeeper_hourly_estimated_f1_error_ratio", "mean absolute error"),
            ("tagkeeper_hourly_estimated_f1_bias_ratio", "estimate minus truth"),
            link=RUNS,
        ),
        _series(
            "Signals of the latest month", "Divided by their thresholds: above 1 is an alarm.",
            "short",
            (
                'tagkeeper_drift_signal_value{kind="month"} / '
                'tagkeeper_drift_signal_threshold{kind="month"}',
                "{{signal}}",
            ),
            link=REPORTS,
        ),
        _series(
            "Signals of recent requests", "Divided by their thresholds: above 1 is an alarm.",
            "short",
            (
                'tagkeeper_drift_signal_value{kind="predictions"} / '
                'tagkeeper_drift_signal_threshold{kind="predictions"}',
                "{{signal}}",
            ),
            link=REPORTS,
        ),
        _table(
            "Values of all signals", "Of the latest checks, those without threshold included.",
            "none", "tagkeeper_drift_signal_value", link=REPORTS,
        ),
        _table(
            "Latest reports", "The number of the report, by which mails and runs name it.", "none",
            "tagkeeper_drift_report_info * on (kind) group_left (verdict) tagkeeper_drift_verdict",
            link=REPORTS,
        ),
        _series(
            "Age of the latest check", "By kind: questions by month, and requests by hour.", "s",
            ("time() - tagkeeper_drift_check_timestamp_seconds", "{{kind}}"), link=CHECKS,
        ),
        _series(
            "Questions checked", "In the latest check; few make it insensitive.", "short",
            ("tagkeeper_drift_check_questions", "{{kind}}"), link=CHECKS,
        ),
        _series(
            "Decisions", "Since the beginning, by kind of check and action.", "short",
            ("tagkeeper_decisions_total", "{{kind}} {{action}}"), link=TRAININGS,
        ),
    ),
)  # fmt: skip

PIPELINE: Final = Dashboard(
    "tagkeeper-pipeline",
    "Pipeline",
    (
        _series(
            "Since the last success", "Of each DAG; a line that grows beyond its schedule is late.",
            "s", ("time() - tagkeeper_dag_success_timestamp_seconds", "{{dag_id}}"), link=RUNS,
        ),
        _series(
            "Last run failed", "1 while the last ended run of the DAG failed.", "bool",
            ("tagkeeper_dag_failed", "{{dag_id}}"), link=RUNS,
        ),
        _series(
            "Duration", "Of the last ended run.", "s",
            ("tagkeeper_dag_duration_seconds", "{{dag_id}}"), link=RUNS,
        ),
        _series(
            "Active runs", "Queued or running.", "short",
            ("tagkeeper_dag_runs_active", "{{dag_id}}"), link=RUNS,
        ),
        _table(
            "Months that failed", "1 where the last ended run on the month failed.", "bool",
            "tagkeeper_dag_month_failed", link=RUNS,
        ),
        _table(
            "Duration by month", "Of the last ended run on the month.", "s",
            "tagkeeper_dag_month_duration_seconds", link=RUNS,
        ),
        _table(
            "Questions by month", "Stored questions of the newest 24 months.", "short",
            "tagkeeper_month_questions", link=RUNS,
        ),
        _series(
            "Due in", "Time to the next scheduled run; below 0 the scheduler is late.", "s",
            ("tagkeeper_dag_next_run_timestamp_seconds - time()", "{{dag_id}}"), link=RUNS,
        ),
        _series(
            "Windows that wait", "Fetch windows that are not finished.", "short",
            ("tagkeeper_windows_waiting", "windows"), link=RUNS,
        ),
        _series(
            "Quota of the API", "Requests left of the day, as the API last said.", "short",
            ("tagkeeper_api_quota_left", "requests"), link=RUNS,
        ),
        _series(
            "Mails that wait", "Mails, Slack messages, and notices of failures.", "short",
            ("tagkeeper_mails_waiting", "mails"), ("tagkeeper_incidents_waiting", "failures"),
            link=MAILS,
        ),
        _series(
            "Since the last backup", "Once a day; what happened since is lost with the disk.", "s",
            ("time() - tagkeeper_backup_timestamp_seconds", "age"), link=RUNS,
        ),
        _series(
            "Since Airflow's heartbeats", "A part without heartbeat does not work.", "s",
            ("time() - tagkeeper_airflow_heartbeat_timestamp_seconds", "{{component}}"), link=RUNS,
        ),
    ),
)  # fmt: skip

HOST: Final = Dashboard(
    "tagkeeper-host",
    "Host",
    (
        _series(
            "Free space", "Share of each file system.", "percentunit",
            ("tagkeeper_disk_free_bytes / tagkeeper_disk_size_bytes", "{{place}}"), link=ALERTS,
        ),
        _series(
            "Memory", "That programs can still take.", "bytes",
            ("tagkeeper_memory_available_bytes", "available"),
            ("tagkeeper_memory_size_bytes", "all"), link=ALERTS,
        ),
        _series(
            "Load", "Runnable processes; above the number of cores they wait for each other.",
            "short", ("tagkeeper_load1", "load"), ("tagkeeper_cpus", "cores"), link=ALERTS,
        ),
        _series(
            "Processor", "Cores in each mode.", "short",
            (f"rate(tagkeeper_cpu_seconds_total[{RATE}])", "{{mode}}"), link=ALERTS,
        ),
        _series(
            "Largest tables", "With indexes and partitions.", "bytes",
            ("topk(12, tagkeeper_table_bytes)", "{{table}}"), link=ALERTS,
        ),
        _table(
            "Rows", "As PostgreSQL estimates them.", "short", "tagkeeper_table_rows", link=ALERTS
        ),
        _series(
            "Sources of the exporter", "1 if the last reading succeeded.", "bool",
            ("tagkeeper_source_up", "{{source}}"), link=ALERTS,
        ),
        _series(
            "Time to read a source", "Of the last reading.", "s",
            ("tagkeeper_source_read_seconds", "{{source}}"), link=ALERTS,
        ),
        _series(
            "Clock", "Of the database, minus the exporter's.", "s",
            ("tagkeeper_clock_offset_seconds", "offset"), link=ALERTS,
        ),
        _series(
            "Memory of the watching programs", "Resident.", "bytes",
            ('process_resident_memory_bytes{job=~"exporter|prometheus"}', "{{job}}"), link=ALERTS,
        ),
        _series(
            "Targets", "1 if Prometheus could read it.", "bool",
            ("up", "{{job}} {{instance}}"), link=ALERTS,
        ),
        _series(
            "Series", "That Prometheus holds.", "short",
            ("prometheus_tsdb_head_series", "series"), link=ALERTS,
        ),
    ),
)  # fmt: skip

DASHBOARDS: Final = (SERVICE, QUALITY, DRIFT, PIPELINE, HOST)


def dashboard_files() -> dict[Path, str]:
    """Return the path and the text of each dashboard's file."""
    return {
        FOLDER / f"{one.uid.removeprefix(names.PROJECT + '-')}.json": json.dumps(
            dashboard_json(one, ADDRESSES), indent=1
        )
        + "\n"
        for one in DASHBOARDS
    }
