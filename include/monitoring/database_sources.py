"""What the exporter reads from PostgreSQL: each source in one short transaction with a deadline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row

from include import names
from include.monitoring.metrics import Samples
from include.months import add_months, month_of, month_start
from include.store.deadlines import Deadlines
from include.store.label_readings import read_label_agreements
from include.store.queries import query

LIVE_DAYS: Final = 7
HOURLY_DAYS: Final = 9
"""Delay of hourly estimates: the true tags of the last two days are not known yet."""
DAILY_DAYS: Final = 31
"""Days of daily estimates, one error each."""
LABEL_DAYS: Final = 31
MONTHS_SHOWN: Final = 24
COVERAGE_MONTHS: Final = 12
_Z: Final = 1.96
"""Half-width of a 95 % interval of a normal distribution, in standard deviations."""


class DatabaseSource:
    """
    One statement after another in a transaction that ends within a time, read only.

    Parameters
    ----------
    name : str
        Label of the source.
    read_with : callable
        Reads on a connection and adds to the samples.
    connect : callable returning Engine
        Called at the first reading.
    interval_s, timeout_s : float
        Seconds between readings, and for one of them.
    """

    def __init__(
        self,
        name: str,
        read_with: Callable[[Connection, Samples], None],
        connect: Callable[[], Engine],
        *,
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self.name = name
        self.interval_s = interval_s
        self._read_with = read_with
        self._database = Deadlines(connect, timeout_s=timeout_s)

    def read(self) -> Samples:
        """Return what was read; OperationalError if the deadline passed or nobody answers."""
        samples = Samples()
        try:
            with self._database.begin() as connection:
                self._read_with(connection, samples)
        except Exception:
            self._database.dispose()
            raise
        return samples


def read_state(
    connection: Connection, samples: Samples, site: str, min_live_precision_share: float
) -> None:
    """Add what changes by the minute: windows, champion, drift, incidents, backup."""
    _add_windows(connection, samples, site)
    _add_champion(connection, samples, site, min_live_precision_share)
    _add_drift(connection, samples, site)
    _add_hourly_error(connection, samples, site)
    _add_daily_estimates(connection, samples, site, datetime.now(UTC).date())
    outbox = connection.execute(query("state_of_outbox")).one()
    samples.add("incidents_waiting", outbox.waiting_count)
    backup = connection.execute(query("state_of_backups")).one_or_none()
    if backup is not None:
        samples.add("backup_timestamp_seconds", backup.finished_at)
        samples.add("backup_bytes", backup.byte_count)
        samples.add("backup_duration_seconds", backup.seconds)


def read_volumes(connection: Connection, samples: Samples, site: str) -> None:
    """Add what takes longer to count and changes by the day: months, labels, coverage, tables."""
    newest = connection.execute(query("newest_question"), {"site": site}).scalar_one_or_none()
    samples.add("newest_question_timestamp_seconds", newest)
    for table in connection.execute(query("state_of_tables")):
        samples.add("table_bytes", table.byte_count, table.table_name)
        samples.add("table_rows", table.row_estimate, table.table_name)
    if newest is None:
        return
    _add_months(connection, samples, site, newest)
    _add_label_agreement(connection, samples, site, newest)
    binds = {
        "site": site,
        "start": newest - timedelta(days=LABEL_DAYS),
        "end": newest + timedelta(seconds=1),
    }
    labels = connection.execute(query("state_of_labels"), binds).one()
    samples.add("labels_read_timestamp_seconds", labels.read_at)
    samples.add("labels_settled_ratio", labels.settled_ratio)
    _add_coverage(connection, samples, site, newest)


def read_months(connection: Connection, samples: Samples, site: str) -> None:
    """Add the questions of each of the last stored months."""
    newest = connection.execute(query("newest_question"), {"site": site}).scalar_one_or_none()
    if newest is not None:
        _add_months(connection, samples, site, newest)


def _add_months(connection: Connection, samples: Samples, site: str, newest: datetime) -> None:
    first = month_start(add_months(month_of(newest), 1 - MONTHS_SHOWN))
    for row in connection.execute(query("state_of_months"), {"site": site, "start": first}):
        samples.add("month_questions", row.question_count, row.month)


def _add_label_agreement(
    connection: Connection, samples: Samples, site: str, newest: datetime
) -> None:
    first = add_months(month_of(newest), 1 - MONTHS_SHOWN)
    for found in read_label_agreements(connection, site, first):
        samples.add("label_agreement_ratio", found.mean_f1, found.month)
        if found.compared_count:
            changed = found.changed_count / found.compared_count
            samples.add("labels_changed_ratio", changed, found.month)


def _add_windows(connection: Connection, samples: Samples, site: str) -> None:
    windows = connection.execute(query("state_of_windows"), {"site": site}).one()
    samples.add("windows_waiting", windows.open_count)
    samples.add("ingest_write_timestamp_seconds", windows.written_at)
    samples.add("api_quota_left", windows.quota_left)
    samples.add("api_quota_timestamp_seconds", windows.quota_at)
    offset = windows.server_time - datetime.now(UTC)
    samples.add("clock_offset_seconds", offset.total_seconds())


def _add_champion(connection: Connection, samples: Samples, site: str, share: float) -> None:
    champion = connection.execute(
        query("state_of_champion"), {"alias": names.CHAMPION}
    ).one_or_none()
    if champion is None:
        return
    samples.add("champion_info", 1, champion.model_version)
    samples.add("champion_promoted_timestamp_seconds", champion.promoted_at)
    samples.add("champion_created_timestamp_seconds", champion.made_at)
    samples.add("champion_trained_until_timestamp_seconds", champion.learned_until)
    samples.add("champion_learned_from_timestamp_seconds", champion.first_asked_at)
    samples.add("champion_training_questions", champion.question_count)
    samples.add("champion_window_questions", champion.window_count)
    samples.add("champion_vocabulary_tags", champion.vocabulary_size)
    samples.add("tested_precision_ratio", champion.tested_precision)
    if champion.tested_precision is not None:
        samples.add("live_precision_threshold_ratio", share * champion.tested_precision)
    binds = {
        "site": site,
        "model_version": champion.model_version,
        "start": (datetime.now(UTC) - timedelta(days=LIVE_DAYS)).date(),
    }
    live = connection.execute(query("state_of_live_quality"), binds).one()
    samples.add("live_judged_answers", live.judged)
    if live.suggested_count and live.truth_count:
        samples.add("live_precision_ratio", live.hit_count / live.suggested_count)
        samples.add("live_recall_ratio", live.hit_count / live.truth_count)
    if live.set_judged:
        samples.add("live_suggested_f1_ratio", live.set_f1_sum / live.set_judged)
    _add_estimate(samples, live)


def _add_estimate(samples: Samples, live: Row[Any]) -> None:
    """Add the F1 that the scores let expect of all answers, and its error where truth is known."""
    _add_expected_f1(samples, "estimated_f1", live)
    if live.estimated_set_count:
        mean_of_sets = live.expected_set_f1_sum / live.estimated_set_count
        samples.add("estimated_suggested_f1_ratio", mean_of_sets)
    if live.f1_error_count:
        samples.add("estimated_f1_bias_ratio", live.f1_error_sum / live.f1_error_count)
    if live.set_f1_error_count:
        bias = live.set_f1_error_sum / live.set_f1_error_count
        samples.add("estimated_suggested_f1_bias_ratio", bias)


def _add_expected_f1(samples: Samples, name: str, sums: Row[Any]) -> None:
    """Add the mean of the expected F1 and its 95 % interval; nothing without answers."""
    if not sums.estimated_count:
        return
    mean = sums.expected_f1_sum / sums.estimated_count
    spread = max(0.0, sums.expected_f1_squares / sums.estimated_count - mean**2)
    of_labels = sums.label_variance_sum / sums.estimated_count
    error = _Z * sqrt((spread + of_labels) / sums.estimated_count)
    samples.add(f"{name}_ratio", mean)
    samples.add(f"{name}_low_ratio", max(0.0, mean - error))
    samples.add(f"{name}_high_ratio", min(1.0, mean + error))


def _add_daily_estimates(connection: Connection, samples: Samples, site: str, today: date) -> None:
    """Add yesterday's expected F1, and how far those of days were from what came true."""
    binds = {"site": site, "start": today - timedelta(days=DAILY_DAYS)}
    days = connection.execute(query("state_of_daily_estimates"), binds).all()
    for row in days:
        if row.day == today - timedelta(days=1):
            _add_expected_f1(samples, "daily_estimated_f1", row)
    # The error of a day is a mean over its judged answers, by whose number it is weighed
    if judged := sum(row.f1_error_count for row in days):
        error = sum(abs(row.f1_error_sum) for row in days) / judged
        samples.add("daily_estimated_f1_error_ratio", error)
        bias = sum(row.f1_error_sum for row in days) / judged
        samples.add("daily_estimated_f1_bias_ratio", bias)


def _add_hourly_error(connection: Connection, samples: Samples, site: str) -> None:
    """Add how far hourly estimates were from what came true, on hours that were judged."""
    start = datetime.now(UTC) - timedelta(days=HOURLY_DAYS)
    hourly = connection.execute(query("state_of_estimates"), {"site": site, "start": start}).one()
    if hourly.answers:
        samples.add("hourly_estimated_f1_bias_ratio", hourly.error_sum / hourly.answers)
        error = hourly.absolute_error_sum / hourly.answers
        samples.add("hourly_estimated_f1_error_ratio", error)


def _add_drift(connection: Connection, samples: Samples, site: str) -> None:
    for row in connection.execute(query("state_of_drift_signals"), {"site": site}):
        samples.add("drift_check_timestamp_seconds", row.created_at, row.kind)
        samples.add("drift_check_questions", row.question_count, row.kind)
        samples.add("drift_check_window_questions", row.window_questions, row.kind)
        samples.add("drift_verdict", 1, row.kind, row.verdict)
        samples.add("drift_report_info", 1, row.kind, str(row.report_id))
        samples.add("requests_naming_unreachable_ratio", row.naming_unreachable)
        samples.add("drift_f1_ratio", row.f1, row.kind)
        samples.add("drift_estimated_f1_ratio", row.f1_estimated, row.kind)
        samples.add("drift_estimated_f1_low_ratio", row.f1_estimated_low, row.kind)
        samples.add("drift_estimated_f1_high_ratio", row.f1_estimated_high, row.kind)
        if row.signal is not None:
            samples.add("drift_signal_value", row.value, row.kind, row.signal)
            samples.add("drift_signal_threshold", row.threshold, row.kind, row.signal)
    for row in connection.execute(query("state_of_decisions"), {"site": site}):
        samples.add("decisions_total", row.decision_count, row.kind, row.action)
        samples.add("decision_timestamp_seconds", row.decided_at, row.kind, row.action)


def _add_coverage(connection: Connection, samples: Samples, site: str, newest: datetime) -> None:
    """Add the champion's coverage of the tags used in the months up to the newest question's."""
    champion = connection.execute(
        query("state_of_champion"), {"alias": names.CHAMPION}
    ).one_or_none()
    if champion is None or champion.dataset_id is None:
        return
    binds = {
        "site": site,
        "start": month_start(add_months(month_of(newest), 1 - COVERAGE_MONTHS)),
        "dataset_id": champion.dataset_id,
    }
    recent = binds | {"start": newest - timedelta(days=LABEL_DAYS)}
    asked = connection.execute(query("state_of_new_tags"), recent).one()
    if asked.question_count:
        share = asked.unreachable_count / asked.question_count
        samples.add("unreachable_questions_ratio", share)
    found = connection.execute(query("state_of_coverage"), binds).one()
    if found.tag_count:
        samples.add("coverage_tags_ratio", found.known_tag_count / found.tag_count)
        samples.add("coverage_uses_ratio", found.known_use_count / found.use_count)
