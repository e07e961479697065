"""Build mails and Slack messages from stored facts, for the DAG ``send_mail``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from smtplib import SMTP
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Engine

from include import names
from include.drift.signal_catalogue import SIGNAL
from include.drift.signal_types import Contributor
from include.errors import FixInputError
from include.evaluation.suggested import threshold_table
from include.months import add_months, month_of
from include.notify import render, slack
from include.notify.charts import contributors_chart, signals_chart
from include.notify.mail import Mail, send
from include.notify.summaries import (
    AbTestSummary,
    CandidateScores,
    ContributorSummary,
    DriftSummary,
    Link,
    RollbackSummary,
    SignalSummary,
    ThresholdScores,
    TrainingSummary,
)
from include.registry.runs import run_url, version_url
from include.settings import Settings
from include.store.ab_tests import EndedAbTest, ended_ab_test
from include.store.drift import (
    REFERENCE_WINDOW_QUESTIONS,
    WINDOW_QUESTIONS,
    StoredDriftReport,
    StoredSignal,
    checked_months,
    read_report,
)
from include.store.engine import process_engine
from include.store.installation import installation_id
from include.task_results import AbTestEnd, CandidateRow, DriftAlarm, RollbackResult, TrainingResult

CONTRIBUTORS_SHOWN: Final = 6
TAG_SIGNALS: Final = ("tag_shift", "tag_distribution", "new_tags", "vanished_tags")
WORD_SIGNALS: Final = ("keywords", "unknown_words")


@dataclass(frozen=True, slots=True)
class Notification:
    """The same facts as a mail and as a Slack message."""

    mail: Mail
    slack: str


def compose(settings: Settings, params: Mapping[str, Any]) -> Notification:
    """
    Return the mail and the Slack message.

    Parameters
    ----------
    settings : Settings
    params : mapping
        The params of ``send_mail``. ``kind`` is ``drift``, ``training``, ``rollback`` or
        ``ab_test``; ``facts`` are, in this order, the plain values of a `DriftAlarm`, a
        `TrainingResult`, a `RollbackResult` or an `AbTestEnd` (`include.task_results`).
        ``run`` is the id of the triggering DAG run; ``seconds`` is how long the service took to
        follow a rollback.

    Raises
    ------
    FixInputError
        If the kind is unknown, or there is no such report or ended A/B test.
    """
    kind, facts = params["kind"], dict(params["facts"])
    run = str(params.get("run") or "")
    if kind == "drift":
        engine = process_engine(settings.require_database_url())
        return drift_notification(settings, engine, DriftAlarm.from_dict(facts))
    if kind == "training":
        training = training_summary(settings, TrainingResult.from_dict(facts), run)
        mail = render.training_mail(training)
        return Notification(mail, slack.training_text(training, mail))
    if kind == "rollback":
        result = RollbackResult.from_dict(facts)
        rollback = rollback_summary(settings, result, run, params.get("seconds"))
        mail = render.rollback_mail(rollback)
        return Notification(mail, slack.rollback_text(rollback, mail))
    if kind == "ab_test":
        engine = process_engine(settings.require_database_url())
        with engine.connect() as connection:
            ended = ended_ab_test(connection, AbTestEnd.from_dict(facts).ab_test_id)
        ab_test = ab_test_summary(settings, ended, run)
        mail = render.ab_test_mail(ab_test)
        return Notification(mail, slack.ab_test_text(ab_test, mail))
    raise FixInputError(f"kind must be drift, training, rollback or ab_test, got {kind!r}")


def send_mail_over(client: SMTP, settings: Settings, params: Mapping[str, Any]) -> str:
    """
    Send the mail over an open connection; return its subject. See `compose`.

    Raises
    ------
    smtplib.SMTPException
        If the host refuses the mail.
    """
    mail = compose(settings, params).mail
    with process_engine(settings.require_database_url()).connect() as connection:
        origin = f"{settings.site}.{installation_id(connection)}.{names.PROJECT}"
    send(client, mail, sender=settings.mail_from, recipients=settings.mail_to, origin=origin)
    return mail.subject


def post_to_slack(settings: Settings, params: Mapping[str, Any]) -> bool:
    """Post the message if a webhook is set; return whether one is."""
    if settings.slack_webhook_url is None:
        return False
    text = compose(settings, params).slack
    slack.post(settings.slack_webhook_url.get_secret_value(), text)
    return True


def drift_notification(settings: Settings, engine: Engine, alarm: DriftAlarm) -> Notification:
    """Return the mail and the message about an alarm, from the stored report."""
    with engine.connect() as connection:
        stored = read_report(connection, alarm.report_id)
        checked = checked_months(connection, stored.report.site)
    alarmed = {row.month for row in checked if row.verdict == "drift"}
    drift = _drift_summary(settings, stored, alarmed, _run_links(settings, stored, alarm))
    mail = render.drift_mail(drift)
    return Notification(mail, slack.drift_text(drift, mail))


def _drift_summary(
    settings: Settings, stored: StoredDriftReport, alarmed: set[str], links: Sequence[Link]
) -> DriftSummary:
    report, summary = stored.report, stored.report.summary
    signals = [
        SignalSummary(SIGNAL[s.value.signal].title, s.value.value, s.threshold, s.alarmed)
        for s in stored.signals
        if s.threshold is not None and s.value.signal in SIGNAL
    ]
    tags = _top_contributors(
        stored.signals, TAG_SIGNALS if report.kind == "month" else ("predicted_tags",)
    )
    words = _top_contributors(stored.signals, WORD_SIGNALS)
    images = [signals_chart(signals)]
    images += [contributors_chart("tags", "tag", tags)] if tags else []
    images += [contributors_chart("words", "word", words)] if words else []
    reference_count = summary.get("reference_questions")
    reference_total = summary.get(REFERENCE_WINDOW_QUESTIONS)
    return DriftSummary(
        report_id=stored.report_id,
        site=report.site,
        window=report.window_name,
        monthly=report.kind == "month",
        reason=str(summary["reason"]),
        since=_since(stored, alarmed),
        reference=f"{_counted(reference_count, reference_total)} of {report.reference_first} to "
        f"{report.reference_last}",
        questions=_counted(report.question_count, summary.get(WINDOW_QUESTIONS)),
        model=f"version {report.model_version} ({summary.get('candidate', '?')})",
        signals=signals,
        tags=tags,
        words=words,
        f1_before=summary.get("f1_reference"),
        f1_now=summary.get("f1"),
        links=tuple(links),
        images=tuple(images),
    )


def _counted(count: int | None, total: int | None) -> str:
    """
    Return how many questions were compared, and of how many if they are a sample.

    Examples
    --------
    >>> _counted(5000, 66000), _counted(99, 99), _counted(99, None)
    ('5,000 of 66,000', '99', '99')
    """
    if count is None:
        return "?"
    return f"{count:,}" if total in (None, count) else f"{count:,} of {total:,}"


def _top_contributors(
    signals: Iterable[StoredSignal], names_in_order: Sequence[str]
) -> tuple[ContributorSummary, ...]:
    """Return the top contributors to the alarms of some signals, in turn, each once."""
    by_name = {s.value.signal: s.value.contributors for s in signals if s.alarmed}
    lists = [by_name[name] for name in names_in_order if name in by_name]
    merged: dict[str, Contributor] = {}
    for rank in range(max(map(len, lists), default=0)):
        for contributors in lists:
            if rank < len(contributors):
                merged.setdefault(contributors[rank].name, contributors[rank])
    return tuple(
        ContributorSummary(one.name, one.before, one.after, bool(one.significant))
        for one in list(merged.values())[:CONTRIBUTORS_SHOWN]
    )


def _since(stored: StoredDriftReport, alarmed: set[str]) -> str:
    """Return since when every month has had an alarm."""
    if stored.report.kind != "month":
        return f"{stored.report.window_start:%Y-%m-%d %H:%M} UTC at the earliest"
    month = first = month_of(stored.report.window_start)
    while add_months(first, -1) in alarmed:
        first = add_months(first, -1)
    return f"{month}: the first month of it" if first == month else f"{first}, every month since"


def _run_links(
    settings: Settings, stored: StoredDriftReport, alarm: DriftAlarm
) -> tuple[Link, ...]:
    links = [Link("Evidently", settings.evidently_url)]
    if stored.artifact_uri:
        links.insert(0, Link("Report in MLflow", stored.artifact_uri))
    if alarm.run_id:
        check = airflow_run(settings, alarm.dag_id, alarm.run_id)
        links.append(Link("This check in Airflow", check))
    if training := alarm.training_run_id or stored.training_run_id:
        address = airflow_run(settings, names.DAG_TRAIN, training)
        links.append(Link("The retraining in Airflow", address))
    return tuple(links)


def training_summary(settings: Settings, result: TrainingResult, run: str = "") -> TrainingSummary:
    """Return the result of a training as the mail's facts."""
    mlflow_url = settings.mlflow_page
    links = [Link("Run in MLflow", run_url(mlflow_url, result.experiment_id, result.run_id))]
    if run:
        dag_id = names.DAG_REFRESH if result.refresh_cause else names.DAG_TRAIN
        links.append(Link("Run in Airflow", airflow_run(settings, dag_id, run)))
    return TrainingSummary(
        key=result.run_id,
        site=settings.site,
        test_month=result.test_month,
        promoted=result.promoted,
        candidate=result.candidate,
        version=result.version,
        version_before=result.champion_before,
        challenger_version=result.challenger_version,
        reason=result.reason,
        tested=result.tested,
        rows=tuple(_candidate_scores(row) for row in result.rows),
        thresholds=_thresholds(result.rows),
        failed=tuple(result.failed),
        drift_report_id=result.drift_report_id,
        links=tuple(links),
        refresh_cause=result.refresh_cause,
        new_tags=tuple(result.new_tags),
    )


def _candidate_scores(row: CandidateRow) -> CandidateScores:
    return CandidateScores(
        name=row.candidate,
        selected=row.selected,
        f1_1=row.figures.get("f1_all@1"),
        f1_3=row.figures.get("f1_all@3"),
        f1_5=row.figures.get("f1_all@5"),
        f1_known_5=row.figures.get("f1@5"),
        coverage=row.figures.get("coverage"),
        learned_from=row.learned_from,
        f1_suggested=row.figures.get("f1_suggested"),
        answered=row.figures.get("answered_suggested"),
    )


def _thresholds(rows: Sequence[CandidateRow]) -> tuple[ThresholdScores, ...]:
    """Return the selected candidate's figures by minimum score."""
    for row in rows:
        if row.selected:
            columns = threshold_table(row.figures).values()
            return tuple(
                ThresholdScores(score or 0.0, precision, recall or 0.0, answered or 0.0)
                for score, precision, recall, answered in zip(*columns, strict=True)
            )
    return ()


def rollback_summary(
    settings: Settings, result: RollbackResult, run: str = "", seconds: float | None = None
) -> RollbackSummary:
    """Return the result of a rollback as the mail's facts."""
    verified = "not confirmed yet" if seconds is None else f"live after {seconds:.1f} s"
    links = [Link("Run in Airflow", airflow_run(settings, names.DAG_ROLLBACK, run))]
    return RollbackSummary(
        key=str(result.promotion_id),
        site=settings.site,
        version=result.to_version,
        version_before=result.from_version,
        actor=result.actor,
        reason=result.reason,
        verified=verified,
        links=tuple(links) if run else (),
    )


def ab_test_summary(settings: Settings, test: EndedAbTest, run: str = "") -> AbTestSummary:
    """Return an ended A/B test as the mail's facts."""
    gain: Mapping[str, Any] = test.figures.get("gain") or {}
    promoted = test.verdict == "promote"
    holder = test.figures.get("champion") or test.champion_version
    mlflow_url = settings.mlflow_page
    links = [Link("Challenger in MLflow", version_url(mlflow_url, test.challenger_version))]
    if run:
        links.append(Link("Run in Airflow", airflow_run(settings, names.DAG_JUDGE, run)))
    return AbTestSummary(
        ab_test_id=test.ab_test_id,
        site=settings.site,
        promoted=promoted,
        champion_version=test.champion_version,
        challenger_version=test.challenger_version,
        served_version=test.challenger_version if promoted else str(holder),
        shared="in the shadow of the champion's answers"
        if test.shadow
        else f"{test.share:.0%} of the traffic",
        days=(test.ended_at - test.started_at).total_seconds() / 86400,
        reason=test.reason[:1].upper() + test.reason[1:],
        units=gain.get("count"),
        gain=gain.get("mean"),
        gain_low=gain.get("lower"),
        gain_high=gain.get("upper"),
        links=tuple(links),
    )


def airflow_run(settings: Settings, dag_id: str, run_id: str) -> str:
    """
    Return the page of a DAG run in Airflow's UI.

    Examples
    --------
    >>> airflow_run(Settings(), "monitor_drift", "manual__2024-02-01T00:00:00+00:00")
    'http://127.0.0.1:8080/dags/monitor_drift/runs/manual__2024-02-01T00%3A00%3A00%2B00%3A00'
    """
    return f"{settings.airflow_url.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id, safe='')}"
