"""What Alertmanager's webhook says, and what is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts import RETRAINING_ALERTS, read_webhook
from include.errors import FixInputError
from tests.unit.test_alert_rules import ALERTS


def alert(**changes) -> dict:
    return {
        "status": "firing",
        "labels": {"alertname": "LivePrecisionLow", "action": "retrain"},
        "annotations": {"summary": "Only 12% of the\nsuggested tags are true"},
        "startsAt": "2026-11-26T12:00:05.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "0123456789abcdef",
    } | changes


def payload(*alerts: dict, **changes) -> dict:
    return {"version": "4", "status": "firing", "alerts": list(alerts)} | changes


def test_same_outbreak_has_the_same_run_id_and_a_later_one_another():
    first, repeated, later = (
        read_webhook(payload(alert(startsAt=moment)))[0].run_id
        for moment in (
            "2026-11-26T12:00:05.1Z", "2026-11-26T13:00:05.1+01:00", "2026-11-26T18:30:00Z",
        )
    )  # fmt: skip

    assert first == repeated == "alert-0123456789abcdef-20261126T120005"
    assert later != first


def test_reason_is_one_line():
    (read,) = read_webhook(payload(alert()))

    assert read.reason == "alert LivePrecisionLow: Only 12% of the suggested tags are true"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (payload(alert(), version="3"), "version"),
        ([], "version"),
        (payload(), "alerts"),
        (payload(*[alert()] * 101), "alerts"),
        (payload("x"), r"alerts\[0\]"),
        (payload(alert(fingerprint="../../dags")), "fingerprint"),
        (payload(alert(labels={"alertname": "a b"})), "alertname"),
        (payload(alert(labels={"alertname": 7})), "labels"),
        (payload(alert(status="on fire")), "status"),
        (payload(alert(startsAt="yesterday")), "startsAt"),
        (payload(alert(startsAt="2026-11-26T12:00:05")), "startsAt"),
    ],
)
def test_wrong_message_is_refused_with_the_field_at_fault(wrong, field):
    with pytest.raises(FixInputError, match=field):
        read_webhook(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.dictionaries(st.sampled_from(sorted(alert())), JSON))
def test_whatever_is_sent_is_read_or_refused(anything, changes):
    for sent in (anything, payload(alert(**changes)), payload(anything)):
        with contextlib.suppress(FixInputError):
            read_webhook(sent)


def test_alerts_that_start_a_training_are_those_whose_rule_says_so():
    labelled = {name for name, rule in ALERTS.items() if rule["labels"].get("action") == "retrain"}

    assert labelled == RETRAINING_ALERTS
