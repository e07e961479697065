"""From a stored alarm to pages in MLflow, a mail over real SMTP, and a message to Slack."""

from __future__ import annotations

import smtplib
import socketserver
import threading
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_string, policy

import pytest

from include.drift.signal_types import Contributor, SignalValue
from include.errors import FixInputError
from include.jobs.drift.decisions import DriftDecision, decision_of, record_decision
from include.jobs.notifications import compose, drift_notification, send_mail_over
from include.settings import Settings
from include.store import drift
from include.task_results import DriftAlarm
from tests.integration.test_store_drift import REPORT

pytestmark = pytest.mark.integration

VALUES = (
    SignalValue("new_tags", 0.2, "share", (Contributor("combine", 0.0, 0.174, 23.0),)),
    SignalValue(
        "tag_shift",
        6.0,
        "z",
        (Contributor("rxjs6", 0.26, 0.15, 5.0), Contributor("combine", 0, 0.174, 4)),
    ),
    SignalValue("keywords", 5.0, "z", (Contributor("<b>publisher", 0.01, 0.09, 6.0),)),
    SignalValue("f1_fall", 0.10, "fall", (), (0.05, 0.15)),
    SignalValue("text_length", 0.02, "ks", (Contributor("words, median", 80, 81, 1),)),
)
THRESHOLDS = {
    "new_tags": 0.02,
    "tag_shift": 2.5,
    "keywords": 2.5,
    "f1_fall": 0.04,
    "text_length": 0.1,
}


@pytest.fixture
def settings(database_url):
    return Settings(
        database_url=database_url,
        mlflow_tracking_uri="http://127.0.0.1:5000",
        site="sandbox",
        mail_from="tagkeeper@localhost",
        mail_to="team@localhost",
    )


@pytest.fixture
def alarm(engine):
    """A stored alarm in April, after one in March."""
    summary = {"reason": "new tags", "reference_questions": 700, "candidate": "tfidf",
               "f1_reference": 0.62, "f1": 0.52}  # fmt: skip
    march = replace(
        REPORT,
        window_start=datetime(2024, 3, 1, tzinfo=UTC),
        window_end=datetime(2024, 4, 1, tzinfo=UTC),
    )
    with engine.begin() as connection:
        drift.save_report(connection, march)
        report_id = drift.save_report(
            connection, replace(REPORT, summary=summary), VALUES, THRESHOLDS
        )
        drift.set_artifact(connection, report_id, "http://mlflow/#/runs/7")
    return report_id


def test_mail_of_a_stored_alarm_has_all_the_facts(settings, engine, alarm):
    facts = DriftAlarm(alarm, "monitor_drift", "manual__1", f"drift-report-{alarm}")

    mail = drift_notification(settings, engine, facts).mail

    assert "New tags: 0.200 against 0.020 (10.0 times)" in mail.text
    assert "combine: 0.0 % to 17.4 %" in mail.text
    assert "Since: 2024-03, every month since" in mail.text
    assert "F1@5 on true tags: 0.620 before, 0.520 now" in mail.text
    assert "http://mlflow/#/runs/7" in mail.text
    assert "/dags/monitor_drift/runs/manual__1" in mail.text
    assert f"/dags/train_candidates/runs/drift-report-{alarm}" in mail.text
    assert "&lt;b&gt;publisher" in mail.html
    assert [image.name for image in mail.images] == ["signals", "tags", "words"]


def test_decision_passes_through_a_dag_as_plain_values(settings, engine, alarm):
    decision = decision_of(settings, alarm, dag_id="monitor_drift", run_id="r")

    assert decision["action"] == "retrain"
    assert decision["mail_run_id"] == f"mail-drift-report-{alarm}"
    assert decision["conf"]["test_month"] == "2024-04"

    record_decision(settings, DriftDecision.from_dict(decision))

    again = decision_of(settings, alarm, dag_id="monitor_drift", run_id="r2")
    assert again["action"] == "keep"
    assert record_decision(settings, DriftDecision.from_dict(again)).startswith(
        "keep: This report has already triggered drift-report-"
    )
    with engine.connect() as connection:
        assert drift.read_report(connection, alarm).action == "retrain"


def test_unknown_kind_is_refused(settings):
    with pytest.raises(FixInputError, match="kind"):
        compose(settings, {"kind": "gossip", "facts": {}})


class Sink(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over a mail."""

    def handle(self):
        def say(line):
            self.wfile.write(f"{line}\r\n".encode())

        say("220 sink")
        while line := self.rfile.readline().decode().strip():
            if line.upper() == "DATA":
                say("354 go on")
                lines = []
                while (row := self.rfile.readline().decode()) != ".\r\n":
                    lines.append(row)
                self.server.mails.append("".join(lines))
            say("221 bye" if line.upper() == "QUIT" else "250 ok")
            if line.upper() == "QUIT":
                return


@pytest.fixture
def sink():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
    server.mails = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_training_mail_goes_over_smtp(settings, sink):
    figures = {"f1_all@1": 0.7, "f1_all@3": 0.6, "f1_all@5": 0.5, "f1@5": 0.55, "coverage": 0.9}
    row = {"candidate": "hybrid", "selected": True, "figures": figures}
    result = {
        "promoted": True, "version": "4", "challenger_version": None, "candidate": "hybrid",
        "champion_before": "3", "reason": "hybrid replaces version 3", "figures": {}, "rows": [row],
        "failed": [], "test_month": "2024-04", "run_id": "abc", "experiment_id": "1",
        "drift_report_id": 7,
    }  # fmt: skip

    with smtplib.SMTP(*sink.server_address) as client:
        subject = send_mail_over(client, settings, {"kind": "training", "facts": result})

    (raw,) = sink.mails
    mail = message_from_string(raw, policy=policy.default)
    assert (
        mail["Subject"]
        == subject
        == ("[sandbox] Version 4 (hybrid) is live after retraining for 2024-04")
    )
    assert (
        "hybrid (selected): 0.700, 0.600, 0.500, 0.550, -, -, 0.90"
        in mail.get_body(("plain",)).get_content()
    )


def test_rollback_mail_says_when_the_service_followed(settings):
    facts = {"promotion_id": 5, "to_version": "3", "from_version": "4", "actor": "maria",
             "reason": "nonsense"}  # fmt: skip

    asked = {"kind": "rollback", "facts": facts, "seconds": 2.13, "run": "manual__1"}
    notice = compose(settings, asked)

    assert "In the service: live after 2.1 s" in notice.mail.text
    assert "maria: nonsense" in notice.slack
