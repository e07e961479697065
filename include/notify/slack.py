"""The same facts to Slack, where a webhook is set. The webhook's address is a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import requests

from include.errors import FixSettingsError, RetryLaterError
from include.notify.facts import AbTestFacts, DriftFacts, Link, RollbackFacts, TrainingFacts
from include.notify.mail import Mail

TIMEOUT_S: Final = (3.0, 10.0)


def drift_text(facts: DriftFacts, mail: Mail) -> str:
    """Return an alarm as a Slack message."""
    alarms = "\n".join(
        f"• {_plain(s.title)}: {s.value:.3g} against {s.threshold:.3g} ({s.times:.1f} times)"
        for s in facts.alarms
    )
    return _message(mail.subject, f"{_plain(facts.reason)}\n{alarms}", facts.links)


def training_text(facts: TrainingFacts, mail: Mail) -> str:
    """Return the end of a retraining as a Slack message."""
    return _message(mail.subject, _plain(facts.reason), facts.links)


def rollback_text(facts: RollbackFacts, mail: Mail) -> str:
    """Return a rollback as a Slack message."""
    body = f"{_plain(facts.actor)}: {_plain(facts.reason)} ({_plain(facts.verified)})"
    return _message(mail.subject, body, facts.links)


def ab_test_text(facts: AbTestFacts, mail: Mail) -> str:
    """Return the end of an A/B test as a Slack message."""
    return _message(mail.subject, _plain(facts.reason), facts.links)


def post(webhook_url: str, text: str) -> None:
    """
    Post a message.

    Raises
    ------
    RetryLaterError
        If Slack is away or asks to wait.
    FixSettingsError
        If it does not know the webhook. Neither error repeats the address.
    """
    try:
        response = requests.post(webhook_url, json={"text": text}, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        # "from None": the original error's text holds the address.
        raise RetryLaterError(f"Slack does not answer ({type(error).__name__})") from None
    if response.status_code == requests.codes.too_many_requests:
        wait_s = response.headers.get("Retry-After", "60")
        raise RetryLaterError("Slack asks to wait", float(wait_s) if wait_s.isdigit() else 60.0)
    if response.status_code >= requests.codes.server_error:
        raise RetryLaterError(f"Slack is ill: {response.status_code}")
    if not response.ok:
        raise FixSettingsError(
            f"Slack refused the message ({response.status_code}): check SLACK_WEBHOOK_URL"
        )


def _message(subject: str, body: str, links: Sequence[Link]) -> str:
    read_on = " · ".join(f"<{link.url}|{_plain(link.text)}>" for link in links)
    return f"*{_plain(subject)}*\n{body}\n{read_on}"


def _plain(text: str) -> str:
    """
    Escape what Slack reads as markup: a tag must not mention a channel.

    Examples
    --------
    >>> _plain("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
