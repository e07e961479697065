"""Render summaries as Slack messages and post them. The webhook's address is a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import requests

from include.errors import FixSettingsError, RetryLaterError
from include.notify.mail import Mail
from include.notify.summaries import (
    AbTestSummary,
    DriftSummary,
    IncidentSummary,
    Link,
    RollbackSummary,
    TrainingSummary,
)

TIMEOUT_S: Final = (3.0, 10.0)


def drift_text(summary: DriftSummary, mail: Mail) -> str:
    """Return the Slack message of a drift alarm."""
    alarms = "\n".join(
        f"• {_escaped(s.title)}: {s.value:.3g} against {s.threshold:.3g} ({s.times:.1f} times)"
        for s in summary.alarms
    )
    return _message(mail.subject, f"{_escaped(summary.reason)}\n{alarms}", summary.links)


def training_text(summary: TrainingSummary, mail: Mail) -> str:
    """Return the Slack message of a finished retraining."""
    return _message(mail.subject, _escaped(summary.reason), summary.links)


def rollback_text(summary: RollbackSummary, mail: Mail) -> str:
    """Return the Slack message of a rollback."""
    body = f"{_escaped(summary.actor)}: {_escaped(summary.reason)} ({_escaped(summary.verified)})"
    return _message(mail.subject, body, summary.links)


def ab_test_text(summary: AbTestSummary, mail: Mail) -> str:
    """Return the Slack message of a finished A/B test."""
    return _message(mail.subject, _escaped(summary.reason), summary.links)


def incident_text(summary: IncidentSummary, mail: Mail) -> str:
    """Return the Slack message about a failed task or an overdue run."""
    rows = "\n".join(f"{_escaped(label)}: {_escaped(text)}" for label, text in summary.rows)
    return _message(mail.subject, f"{rows}\n{_escaped(summary.advice)}", summary.links)


def post(webhook_url: str, text: str) -> None:
    """
    Post a message.

    Raises
    ------
    RetryLaterError
        If Slack is unavailable or limits the rate.
    FixSettingsError
        If it rejects the webhook. Neither error contains the address.
    """
    try:
        response = requests.post(webhook_url, json={"text": text}, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        # "from None": the original error's message contains the address.
        raise RetryLaterError(f"Slack does not answer ({type(error).__name__})") from None
    if response.status_code == requests.codes.too_many_requests:
        wait_s = response.headers.get("Retry-After", "60")
        raise RetryLaterError("Slack limits the rate", float(wait_s) if wait_s.isdigit() else 60.0)
    if response.status_code >= requests.codes.server_error:
        raise RetryLaterError(f"Slack answered {response.status_code}")
    if not response.ok:
        raise FixSettingsError(
            f"Slack refused the message ({response.status_code}): check SLACK_WEBHOOK_URL"
        )


def _message(subject: str, body: str, links: Sequence[Link]) -> str:
    links_line = " · ".join(f"<{link.url}|{_escaped(link.text)}>" for link in links)
    return f"*{_escaped(subject)}*\n{body}\n{links_line}"


def _escaped(text: str) -> str:
    """
    Escape Slack's markup, so that a tag cannot mention a channel.

    Examples
    --------
    >>> _escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
