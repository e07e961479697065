"""The chapter about drift: months go by, one of them is not like the others, the platform acts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from include import names
from include.demo import runs
from include.demo.asking import Answer, ask, wait_for_version
from include.demo.mails import plain_text, wait_for_mail
from include.demo.stored import champion_promotion, verify_months, wait_until_recorded
from include.demo.story import Story
from include.errors import CheckFailedError
from include.months import month_range
from include.questions import Question
from include.sandbox.events import Event, read_events
from include.sources.stackexchange_api import StackExchangeClient
from include.store.drift import StoredReport, read_report
from include.store.models import Promotion

_FOLLOW_S: Final = 15.0
_MAIL_S: Final = 60.0
_ASKED: Final = 5


@dataclass(frozen=True)
class Retraining:
    """
    What came of a retraining that a check decided.

    Parameters
    ----------
    run_id : str
        Of the DAG `train_candidates`.
    before, after : Promotion
        The ledger's newest row before and after; the same where the champion stayed.
    followed_s : float
        Seconds until the service answered with the new version, 0 where the champion stayed.
    subjects : tuple of str
        Of the two mails.
    """

    run_id: str
    before: Promotion
    after: Promotion
    followed_s: float
    subjects: tuple[str, ...]

    @property
    def promoted(self) -> bool:
        """Whether there is a new champion."""
        return self.after.to_version != self.before.to_version


def watch_drift(story: Story) -> dict[str, Any]:
    """Let months go by; check each for drift, and follow what the platform does about it."""
    events = story_events(story)
    told = []
    recorded = 0
    for month in story.span.watched_months:
        if month in events:
            story.steps.note(f"What the simulator does in {month}: {in_words(events[month])}")
        runs.ingest(story, month)
        before = champion_promotion(story.engine)
        report = _check(story, month)
        if events:
            verify_verdict(report, month, expected=month in events)
        facts = _facts(month, report)
        if report.action == "retrain":
            retraining = _follow_retraining(story, month, report, before)
            if events and not retraining.promoted:
                raise CheckFailedError(
                    f"the retraining on the event of {month} left version "
                    f"{before.to_version} in place: {retraining.after.reason}"
                )
            facts["retraining"], asked = _after(story, month, events.get(month), retraining)
            recorded += asked
        else:
            story.steps.note(f"{month} is quiet: {report.report.summary['reason']}")
        told.append(facts)
    _verify_triggers(story, told)
    return {
        "questions": verify_months(story.engine, story.site, story.span.months),
        "months": len(story.span.months),
        "last_month": story.span.months[-1],
        "drift": told,
        "champion_version": champion_promotion(story.engine).to_version,
        "predictions_recorded": story.figures["predictions_recorded"] + recorded,
    }


def story_events(story: Story) -> dict[str, Event]:
    """Return the simulator's events by month; none are known of real questions."""
    if story.choice.data is not None:
        return {}
    return {event.month: event for event in read_events(story.local / "sandbox-events.json")}


def in_words(event: Event) -> str:
    """Return an event as people would tell it."""
    share, tags = f"{event.share:.0%} of the questions", ", ".join(event.tags)
    return {
        "tag_born": f"{share} are about something new, tagged {tags}.",
        "tag_dies": f"{share} were about {tags}; nobody asks about it any more.",
        "api_renamed": f"{share} are about {tags}, whose names and words change.",
        "concept_change": f"{share}, until now tagged {tags}, are tagged "
        f"{', '.join(event.new_tags)} from now on.",
    }[event.kind]


def _check(story: Story, month: str) -> StoredReport:
    """Let `monitor_drift` check a month; return the report with its decision, as stored."""
    run_id = runs.run(
        story,
        f"{month} checked for drift",
        names.DAG_MONITOR_DRIFT,
        {"month": month},
        f"demo: {month}",
    )
    report_id = int(story.airflow.result(names.DAG_MONITOR_DRIFT, run_id, "check"))
    with story.engine.connect() as connection:
        report = read_report(connection, report_id)
    if report.action is None or not report.signals:
        raise CheckFailedError(
            f"drift report {report_id} of {month} has no decision or no signals in PostgreSQL"
        )
    return report


def verify_verdict(report: StoredReport, month: str, *, expected: bool) -> None:
    """Hold what was found against what the simulator did."""
    wanted = ("drift", "retrain") if expected else ("quiet", "keep")
    found = (report.report.verdict, report.action)
    if found != wanted:
        raise CheckFailedError(
            f"the simulator {'changed' if expected else 'changed nothing'} in {month}, the check "
            f"says {' and '.join(map(str, found))}: {report.report.summary['reason']}"
        )


def _facts(month: str, report: StoredReport) -> dict[str, Any]:
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
    story: Story, month: str, report: StoredReport, before: Promotion
) -> Retraining:
    """Wait for the training that a report triggered, its two mails, and the service."""
    run_id = str(report.training_run_id)
    folder = story.local / "mail"
    story.steps.note(f"{month} has drifted: {report.report.summary['reason']}")
    alarm = wait_for_mail(
        folder,
        f"the mail on the drift of {month}",
        lambda mail: mail["Message-ID"] == f"<drift-report-{report.report_id}@tagkeeper>",
        _MAIL_S,
    )
    story.steps.note(f"Mail: {alarm['Subject']}")
    runs.follow(story, f"The retraining {run_id} and its gate", names.DAG_TRAIN, run_id)
    after = champion_promotion(story.engine)
    followed_s = 0.0
    if after.to_version != before.to_version:
        followed_s = wait_for_version(story.service_url, after.to_version, _FOLLOW_S)
    ended = wait_for_mail(
        folder,
        f"the mail on the end of {run_id}",
        lambda mail: (
            str(mail["Message-ID"]).startswith("<training-") and run_id in plain_text(mail)
        ),
        _MAIL_S,
    )
    story.steps.note(f"Mail: {ended['Subject']}")
    return Retraining(run_id, before, after, followed_s, (alarm["Subject"], ended["Subject"]))


def _after(
    story: Story, month: str, event: Event | None, retraining: Retraining
) -> tuple[dict[str, Any], int]:
    """Ask the service after a retraining; return what to tell and how many were recorded."""
    facts: dict[str, Any] = {
        "run_id": retraining.run_id,
        "promoted": retraining.promoted,
        "version_before": retraining.before.to_version,
        "version": retraining.after.to_version,
        "followed_s": round(retraining.followed_s, 1),
        "mails": list(retraining.subjects),
    }
    if not retraining.promoted:
        story.steps.note(f"Version {retraining.before.to_version} stays.")
        return facts, 0
    since, tags = datetime.now(UTC), event.tags if event and event.kind == "tag_born" else ()
    questions = _questions_after(story, month, tags)
    answers = [ask(story.service_url, question) for question in questions]
    _verify_version(answers, retraining.after)
    wait_until_recorded(story.engine, answers, since)
    story.steps.note(
        f"Version {retraining.after.to_version} is champion: {retraining.after.reason} The service "
        f"answered with it {retraining.followed_s:.1f} s after the run ended."
    )
    if tags:
        knowing = sum(bool(set(tags) & set(answer.tags)) for answer in answers)
        story.steps.note(
            f"It suggests {', '.join(tags)} for {knowing} of {len(answers)} questions of the next "
            "month that bear it."
        )
        if not knowing:
            raise CheckFailedError(f"the retrained model never suggests {', '.join(tags)}")
        facts["new_tag_suggested"] = {"asked": len(answers), "suggested": knowing}
    return facts, len(answers)


def _questions_after(story: Story, month: str, tags: Sequence[str]) -> tuple[Question, ...]:
    """Return some questions of the month after, those with one of ``tags`` if any are named."""
    following = [later for later in story.span.watched_months if later > month]
    client = StackExchangeClient(
        api_url=story.environment["STACKEXCHANGE_API_URL"], site=story.site
    )
    if not following:
        return story.next_questions[:_ASKED]
    page = next(iter(client.pages(*month_range(following[0]))))
    chosen = [one for one in page.questions if not tags or set(tags) & set(one.tags)]
    return tuple(chosen[:_ASKED])


def _verify_version(answers: Sequence[Answer], promotion: Promotion) -> None:
    if {answer.model_version for answer in answers} != {promotion.to_version}:
        raise CheckFailedError("the service's answers do not bear the retrained version")


def _verify_triggers(story: Story, told: Sequence[dict[str, Any]]) -> None:
    """Hold the retrainings that there were against those that were decided."""
    decided = [facts["retraining"]["run_id"] for facts in told if "retraining" in facts]
    started = story.airflow.run_ids(names.DAG_TRAIN, "drift-report-")
    if sorted(started) != sorted(decided):
        raise CheckFailedError(f"retrainings decided: {decided}; started: {started}")
