"""Mails, and their conversion to MIME messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses
from smtplib import SMTP
from typing import Final

from include.errors import FixSettingsError

MAX_SUBJECT_LENGTH: Final = 150
_ADDRESS: Final = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")
_NOT_ALLOWED_IN_ID: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class InlineImage:
    """
    An image embedded in a mail.

    Parameters
    ----------
    name : str
        Letters, digits and hyphens; the HTML shows it as ``cid:<name>``.
    png : bytes
    alternative : str
        Alternative text.
    """

    name: str
    png: bytes
    alternative: str


@dataclass(frozen=True, slots=True)
class Mail:
    """
    A mail to be sent.

    Parameters
    ----------
    key : str
        Idempotency key, such as ``drift-report-7``: the same key gives the same Message-ID, so
        that mail clients show a mail once that was sent twice.
    subject, text, html : str
    images : tuple of InlineImage
    """

    key: str
    subject: str
    text: str
    html: str
    images: tuple[InlineImage, ...] = ()


def message(
    mail: Mail, *, sender: str, recipients: str, at: datetime | None = None
) -> EmailMessage:
    """
    Return a mail as a MIME message: plain text with an HTML alternative and inline images.

    Parameters
    ----------
    mail : Mail
    sender : str
        One address, with or without a name.
    recipients : str
        Addresses, separated by commas.
    at : datetime or None
        Aware; now if None.

    Raises
    ------
    FixSettingsError
        If ``sender`` or ``recipients`` holds no address or a line break.
    """
    # Header lines of any allowed length: some clients show a folded subject with a leading space.
    built = EmailMessage(policy=SMTP_POLICY.clone(max_line_length=2 * MAX_SUBJECT_LENGTH))
    built["From"] = _addresses(sender, "MAIL_FROM")[0]
    built["To"] = ", ".join(_addresses(recipients, "MAIL_TO"))
    built["Subject"] = one_line(mail.subject)[:MAX_SUBJECT_LENGTH]
    built["Date"] = format_datetime(at or datetime.now(UTC))
    built["Message-ID"] = f"<{_NOT_ALLOWED_IN_ID.sub('-', mail.key)}@tagkeeper>"
    # RFC 3834: keeps auto-responders from answering.
    built["Auto-Submitted"] = "auto-generated"
    built.set_content(mail.text)
    built.add_alternative(mail.html, subtype="html")
    page = built.get_payload()[1]  # type: ignore[index]
    for image in mail.images:
        page.add_related(  # type: ignore[union-attr]
            image.png,
            maintype="image",
            subtype="png",
            cid=f"<{image.name}>",
            filename=f"{image.name}.png",
            disposition="inline",
        )
    return built


def send(client: SMTP, mail: Mail, *, sender: str, recipients: str) -> None:
    """
    Send a mail over an open connection.

    Parameters
    ----------
    client : smtplib.SMTP
        As Airflow's ``SmtpHook`` opens it from the connection ``smtp_default``.

    Raises
    ------
    smtplib.SMTPException
        If the server rejects it: the task fails and is retried.
    """
    client.send_message(message(mail, sender=sender, recipients=recipients))


def one_line(text: str) -> str:
    r"""
    Return ``text`` without line breaks and control characters, for use in a header.

    Examples
    --------
    >>> one_line("Drift\r\nBcc: everybody@example.org")
    'Drift Bcc: everybody@example.org'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _addresses(text: str, setting: str) -> list[str]:
    found = [address for _, address in getaddresses([text])]
    wrong = any(c in text for c in "\r\n") or not found
    if wrong or not all(_ADDRESS.fullmatch(address) for address in found):
        raise FixSettingsError(f"{setting} must hold mail addresses, got {text!r}")
    return [part.strip() for part in text.split(",")]
