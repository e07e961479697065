"""What the demo prints and verifies, without a platform: mails, verdicts, event sentences."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.demo.drift import event_sentence, verify_verdict
from include.demo.mails import plain_text, wait_for_mail
from include.errors import CheckFailedError, RetryLaterError
from include.notify.mail import Mail, message
from include.sandbox.events import Event
from include.store.drift import DriftReport, StoredDriftReport


def arrive(folder: Path, name: str, key: str) -> None:
    mail = Mail(
        key=key, subject="[sandbox] Drift in 2024-05", text="What moved.\n", html="<p>x</p>"
    )
    made = message(mail, sender="a@localhost", recipients="b@localhost")
    (folder / f"{name}.eml").write_bytes(made.as_bytes())


def test_the_one_mail_that_matches_is_returned(tmp_path: Path):
    arrive(tmp_path, "1", "drift-report-1")
    arrive(tmp_path, "2", "drift-report-2")

    found = wait_for_mail(
        tmp_path, "it", lambda mail: mail["Message-ID"] == "<drift-report-2@tagkeeper>"
    )

    assert found["Subject"] == "[sandbox] Drift in 2024-05"
    assert plain_text(found).strip() == "What moved."


def test_a_mail_that_is_missing_or_arrived_twice_is_reported_with_the_folder(tmp_path: Path):
    with pytest.raises(RetryLaterError, match=f"the alarm has not arrived in {tmp_path}"):
        wait_for_mail(tmp_path, "the alarm", lambda _: True, standstill_s=0.01)

    arrive(tmp_path, "1", "drift-report-1")
    arrive(tmp_path, "2", "drift-report-1")
    with pytest.raises(CheckFailedError, match="the alarm arrived 2 times"):
        wait_for_mail(tmp_path, "the alarm", lambda _: True)


def report(verdict: str, action: str) -> StoredDriftReport:
    start, end = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    found = DriftReport(
        kind="month",
        site="sandbox",
        window_start=start,
        window_end=end,
        model_version="2",
        question_count=150,
        verdict=verdict,
        summary={"reason": "because"},
    )
    return StoredDriftReport(7, found, (), None, action, None)


def test_verdicts_that_match_the_simulators_events_pass():
    verify_verdict(report("drift", "retrain"), "2024-05", expected=True)
    verify_verdict(report("quiet", "keep"), "2024-05", expected=False)


@pytest.mark.parametrize(
    ("verdict", "action", "expected"),
    [("quiet", "keep", True), ("drift", "keep", True), ("drift", "retrain", False)],
)
def test_a_verdict_that_does_not_match_is_reported_with_its_month_and_reason(
    verdict, action, expected
):
    with pytest.raises(CheckFailedError, match=f"2024-05.*{verdict} and {action}: because"):
        verify_verdict(report(verdict, action), "2024-05", expected=expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tag_born", "20% of the questions are about something new, tagged new"),
        ("concept_change", "until now tagged old, are tagged new from now on"),
    ],
)
def test_an_event_is_described_in_a_sentence(kind, expected):
    tags = ("new",) if kind == "tag_born" else ("old",)

    assert expected in event_sentence(Event("2024-05", kind, 0.2, tags=tags, new_tags=("new",)))
