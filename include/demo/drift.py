"""The drift stage: months are checked one by one; the platform retrains where one has drifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from include import names
from include.demo import runs
from include.demo.context import Demo
from include.demo.database_checks import champion_promotion, verify_months, wait_until_recorded
from include.demo.mails import plain_text, wait_for_mail
from include.demo.service_client import ServiceAnswer, request_prediction, wait_for_version
from include.errors import CheckFailedError
from include.months import month_range
from include.questions import Question
from include.sandbox.events import Event, read_events
from include.sources.stackexchange_api import StackExchangeClient
from include.store.drift import StoredDriftReport, read_report
from include.store.models import Promotion

_QUESTIONS_ASKED: Final = 5


@dataclass(frozen=True)
class Retraining:
    """
    Result of a retraining that a check triggered.

    Parameters
    ----------
    run_id : str
        Of the DAG `train_candidates`.
    before, after : Promotion
        The ledger's newest row before and after; the same where the champion stayed.
    serving_delay_s : float
        Seconds until the service answered with the new version, 0 where the champion stayed.
    subjects : tuple of str
        Of the two mails.
    """

    run_id: str
    before: Promotion
    after: Promotion
    serving_delay_s: float
    subjects: tuple[str, ...]

    @property
    def promoted(self) -> bool:
        """Whether there is a new champion."""
        return self.after.to_version != self.before.to_version


def watch_drift(demo: Demo) -> dict[str, Any]:
    """Ingest the watched months and check each for drift; follow each retraining to its end."""
    events = simulated_events(demo)
    checked = []
    recorded = 0
    for month in demo.months.watched_months:
        if month in events:
            demo.steps.note(f"What the simulator does in {month}: {event_sentence(events[month])}")
        runs.ingest(demo, month)
        before = champion_promotion(demo.engine)
        report = _check(demo, month)
        if events:
            verify_verdict(report, month, expected=month in events)
        facts = _facts(month, report)
        if report.action == "retrain":
            retraining = _follow_retraining(demo, month, report, before)
            if events and not retraining.promoted:
                raise CheckFailedError(
                    f"the retraining on the event of {month} left version "
                    f"{before.to_version} in place: {retraining.after.reason}"
                )
            facts["retraining"], predictions = _predict_after(
                demo, month, events.get(month), retraining
            )
            recorded += predictions
        else:
            demo.steps.note(f"{month} is quiet: {report.report.summary['reason']}")
        checked.append(facts)
    _verify_triggers(demo, checked)
    return {
        "questions": verify_months(demo.engine, demo.site, demo.months.all_months),
        "months": len(demo.months.all_months),
        "last_month": demo.months.all_months[-1],
        "drift": checked,
        "champion_version": champion_promotion(demo.engine).to_version,
        "predictions_recorded": demo.figures["predictions_recorded"] + recorded,
    }


def simulated_events(demo: Demo) -> dict[str, Event]:
    """Return the simulator's events by month; real questions have none."""
    if demo.options.data is not None:
        return {}
    return {event.month: event for event in read_events(demo.local / "sandbox-events.json")}


def event_sentence(event: Event) -> str:
    """Return a sentence for people that describes an event."""
    share, tags = f"{event.share:.0%} of the questions", ", ".join(event.tags)
    return {
        "tag_born": f"{share} are about something new, tagged {tags}.",
        "tag_dies": f"{share} were about {tags}; nobody asks about it any more.",
        "api_renamed": f"{share} are about {tags}, whose names and words change.",
        "concept_change": f"{share}, until now tagged {tags}, are tagged "
        f"{', '.join(event.new_tags)} from now on.",
    }[event.kind]


def _check(demo: Demo, month: str) -> StoredDriftReport:
    """Run `monitor_drift` on a month; return the stored report with its decision."""
    run_id = runs.run(
        demo,
        f"{month} checked for drift",
        names.DAG_MONITOR_DRIFT,
        {"month": month},
        f"demo: {month}",
    )
    report_id = int(demo.airflow.result(names.DAG_MONITOR_DRIFT, run_id, "check"))
    with demo.engine.connect() as connection:
        report = read_report(connection, report_id)
    if report.action is None or not report.signals:
        raise CheckFailedError(
            f"drift report {report_id} of {month} has no decision or no signals in PostgreSQL"
        )
    return report


def verify_verdict(report: StoredDriftReport, month: str, *, expected: bool) -> None:
    """Compare the verdict with what the simulator did; CheckFailedError if they differ."""
    correct = ("drift", "retrain") if expected else ("quiet", "keep")
    found = (report.report.verdict, report.action)
    if found != correct:
        raise CheckFailedError(
            f"the simulator {'changed' if expected else 'changed nothing'} in {month}, the check "
            f"says {' and '.join(map(str, found))}: {report.report.summary['reason']}"
        )


def _facts(month: str, report: StoredDriftReport) -> dict[str, Any]:
    alarmed = [signal.value.signal for signal in report.signals if signal.alarmed]
    return {
        "month": month,
        "report_id": report.report_id,
        "questions": report.report.question_count,
        "verdict": report.report.verdict,
        "action": report.action,
        "alarmed": alarmed,
        "signals": len(report.signals),
        "f1": report.report.summary.get("f1"),
        "f1_reference": report.report.summary.get("f1_reference"),
    }


def _follow_retraining(
    demo: Demo, month: str, report: StoredDriftReport, before: Promotion
) -> Retraining:
    """Wait for the training that a report triggered, its two mails, and the served version."""
    run_id = str(report.training_run_id)
    folder = demo.local / "mail"
    demo.steps.note(f"{month} has drifted: {report.report.summary['reason']}")
    alarm = wait_for_mail(
        folder,
        f"the mail on the drift of {month}",
        lambda mail: mail["Message-ID"].startswith(f"<drift-report-{report.report_id}@"),
    )
    demo.steps.note(f"Mail: {alarm['Subject']}")
    runs.follow(demo, f"Retraining {run_id}", names.DAG_TRAIN, run_id)
    after = champion_promotion(demo.engine)
    serving_delay_s = 0.0
    if after.to_version != before.to_version:
        serving_delay_s = wait_for_version(demo.service_url, after.to_version)
    ended = wait_for_mail(
        folder,
        f"the mail on the end of {run_id}",
        lambda mail: (
            str(mail["Message-ID"]).startswith("<training-") and run_id in plain_text(mail)
        ),
    )
    demo.steps.note(f"Mail: {ended['Subject']}")
    return Retraining(run_id, before, after, serving_delay_s, (alarm["Subject"], ended["Subject"]))


def _predict_after(
    demo: Demo, month: str, event: Event | None, retraining: Retraining
) -> tuple[dict[str, Any], int]:
    """Request predictions after a retraining; return its facts and the number of predictions."""
    facts: dict[str, Any] = {
        "run_id": retraining.run_id,
        "promoted": retraining.promoted,
        "version_before": retraining.before.to_version,
        "version": retraining.after.to_version,
        "serving_delay_s": round(retraining.serving_delay_s, 1),
        "mails": list(retraining.subjects),
    }
    if not retraining.promoted:
        demo.steps.note(f"Version {retraining.before.to_version} stays.")
        return facts, 0
    since, tags = datetime.now(UTC), event.tags if event and event.kind == "tag_born" else ()
    questions = _questions_after(demo, month, tags)
    answers = [request_prediction(demo.service_url, question) for question in questions]
    _verify_version(answers, retraining.after)
    wait_until_recorded(demo.engine, answers, since)
    demo.steps.note(
        f"Version {retraining.after.to_version} is champion: {retraining.after.reason} The service "
        f"answered with it {retraining.serving_delay_s:.1f} s after the run ended."
    )
    if tags:
        suggesting = sum(bool(set(tags) & set(answer.tags)) for answer in answers)
        demo.steps.note(
            f"It suggests {', '.join(tags)} for {suggesting} of {len(answers)} questions of "
            "the next month that have it."
        )
        if not suggesting:
            raise CheckFailedError(f"the retrained model never suggests {', '.join(tags)}")
        facts["new_tag_suggested"] = {"asked": len(answers), "suggested": suggesting}
    return facts, len(answers)


def _questions_after(demo: Demo, month: str, tags: Sequence[str]) -> tuple[Question, ...]:
    """Return some questions of the month after, those with one of ``tags`` if any are named."""
    following = [later for later in demo.months.watched_months if later > month]
    client = StackExchangeClient(api_url=demo.environment["STACKEXCHANGE_API_URL"], site=demo.site)
    if not following:
        return demo.next_questions[:_QUESTIONS_ASKED]
    page = next(iter(client.pages(*month_range(following[0]))))
    chosen = [one for one in page.questions if not tags or set(tags) & set(one.tags)]
    return tuple(chosen[:_QUESTIONS_ASKED])


def _verify_version(answers: Sequence[ServiceAnswer], promotion: Promotion) -> None:
    if {answer.model_version for answer in answers} != {promotion.to_version}:
        raise CheckFailedError("the service's answers do not name the retrained version")


def _verify_triggers(demo: Demo, checked: Sequence[dict[str, Any]]) -> None:
    """Compare the retrainings that were started with those that were decided."""
    decided = [facts["retraining"]["run_id"] for facts in checked if "retraining" in facts]
    started = demo.airflow.run_ids(names.DAG_TRAIN, "drift-report-")
    if sorted(started) != sorted(decided):
        raise CheckFailedError(f"retrainings decided: {decided}; started: {started}")
