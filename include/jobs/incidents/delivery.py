"""Tell people of incidents by mail and Slack, each once, also when a mail host is away for days."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from smtplib import SMTP
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from include import names
from include.errors import FixSettingsError
from include.notify import slack
from include.notify.mail import send
from include.notify.render import incident_mail
from include.notify.summaries import IncidentSummary, Link
from include.settings import Settings
from include.store.engine import process_engine
from include.store.installation import installation_id
from include.store.outbox import add_incident, lock_incident, record_delivery, waiting_incidents
from include.task_results import Incident

log = logging.getLogger(__name__)

OpenSmtp = Callable[[], AbstractContextManager[SMTP]]

AT_ONCE: Final = 50
"""Incidents that one run of the watch sends at most."""
GRACE_S: Final = 60.0
"""Seconds that a failed task has to report itself before its run is reported instead."""


def report(settings: Settings, incident: Incident, open_smtp: OpenSmtp) -> bool:
    """
    Put an incident into the outbox and send it at once; return whether its cause was new.

    What cannot be sent now waits for `deliver_waiting`. Without a database the incident is sent
    without the outbox, perhaps more than once, under the same Message-ID.

    Parameters
    ----------
    settings : Settings
    incident : Incident
    open_smtp : callable
        Returns a context manager that gives an open connection to the mail host.
    """
    try:
        engine = process_engine(settings.require_database_url())
        with engine.begin() as connection:
            new = add_incident(connection, incident)
        if new:
            deliver(engine, settings, incident.key, open_smtp)
    except (SQLAlchemyError, FixSettingsError) as error:
        log.warning("no outbox (%s): the incident is sent without it", type(error).__name__)
        _send(settings, incident, open_smtp, names.PROJECT, mailed=False, posted=False)
        return True
    return new


def report_later(settings: Settings, incident: Incident) -> bool:
    """
    Put a run's incident into the outbox, to be sent unless a task of the run tells more meanwhile.

    Returns
    -------
    bool
        Whether its cause was new.
    """
    engine = process_engine(settings.require_database_url())
    with engine.begin() as connection:
        return add_incident(connection, incident, fallback=True, delay_s=GRACE_S)


def deliver_waiting(settings: Settings, open_smtp: OpenSmtp) -> dict[str, int]:
    """Send what is due; return how many incidents are now ``sent`` and still ``waiting``."""
    engine = process_engine(settings.require_database_url())
    with engine.begin() as connection:
        keys = waiting_incidents(connection, limit=AT_ONCE)
    sent = sum(deliver(engine, settings, key, open_smtp) for key in keys)
    return {"sent": sent, "waiting": len(keys) - sent}


def deliver(engine: Engine, settings: Settings, key: str, open_smtp: OpenSmtp) -> bool:
    """Send one incident where it has not been sent yet; return whether it is now everywhere."""
    with engine.begin() as connection:
        waiting = lock_incident(connection, key)
        if waiting is None:  # another process sends it
            return True
        origin = f"{settings.site}.{installation_id(connection)}.{names.PROJECT}"
        mailed, posted, last_error = _send(
            settings,
            waiting.incident,
            open_smtp,
            origin,
            mailed=waiting.mailed,
            posted=waiting.posted,
        )
        record_delivery(connection, key, mailed=mailed, posted=posted, last_error=last_error)
    return mailed and posted


def _send(
    settings: Settings,
    incident: Incident,
    open_smtp: OpenSmtp,
    origin: str,
    *,
    mailed: bool,
    posted: bool,
) -> tuple[bool, bool, str | None]:
    """Try both ways; return whether each has it now, and the kinds of the errors."""
    summary = IncidentSummary(
        key=incident.key,
        site=settings.site,
        title=incident.title,
        rows=[(label, text) for label, text in incident.rows],
        advice=incident.advice,
        links=[Link(text, url) for text, url in incident.links],
    )
    mail = incident_mail(summary)
    sender, recipients = settings.mail_from, settings.mail_to

    def by_mail() -> None:
        with open_smtp() as client:
            send(client, mail, sender=sender, recipients=recipients, origin=origin)

    def to_slack() -> None:
        if settings.slack_webhook_url is not None:
            text = slack.incident_text(summary, mail)
            slack.post(settings.slack_webhook_url.get_secret_value(), text)

    errors = [
        None if done else _error_of(attempt, way)
        for way, attempt, done in (("mail", by_mail, mailed), ("Slack", to_slack, posted))
    ]
    return errors[0] is None, errors[1] is None, "; ".join(filter(None, errors)) or None


def _error_of(attempt: Callable[[], None], way: str) -> str | None:
    """Return the kind of error with which an attempt ends; None if it succeeds."""
    # Whatever keeps one way from working must not keep the other, nor hide the failure itself
    try:
        attempt()
    except Exception as error:
        log.warning("%s does not take the incident now (%s): it waits", way, type(error).__name__)
        return f"{way}: {type(error).__name__}"
    return None
