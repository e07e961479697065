"""A mail as a value, and as the message that goes over the wire."""

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

LONGEST_SUBJECT: Final = 150
_ADDRESS: Final = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")
_NOT_IN_AN_ID: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Picture:
    """
    A picture inside a mail.

    Parameters
    ----------
    name : str
        Letters, digits and hyphens; the HTML shows it as ``cid:<name>``.
    png : bytes
    alternative : str
        What it shows, in words.
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
        What it is about, such as ``drift-report-7``: the same key gives the same Message-ID, so a
        mail that is sent twice after a lost answer is shown once.
    subject, text, html : str
    pictures : tuple of Picture
    """

    key: str
    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


def message(
    mail: Mail, *, sender: str, recipients: str, at: datetime | None = None
) -> EmailMessage:
    """
    Return a mail as a message: plain text, HTML beside it, pictures inline.

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
    # Lines as long as the longest subject: folded, it would begin with a space in some clients.
    made = EmailMessage(policy=SMTP_POLICY.clone(max_line_length=2 * LONGEST_SUBJECT))
    made["From"] = _addresses(sender, "MAIL_FROM")[0]
    made["To"] = ", ".join(_addresses(recipients, "MAIL_TO"))
    made["Subject"] = one_line(mail.subject)[:LONGEST_SUBJECT]
    made["Date"] = format_datetime(at or datetime.now(UTC))
    made["Message-ID"] = f"<{_NOT_IN_AN_ID.sub('-', mail.key)}@tagkeeper>"
    # Keeps holiday notices from answering a machine.
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    page = made.get_payload()[1]  # type: ignore[index]
    for picture in mail.pictures:
        page.add_related(  # type: ignore[union-attr]
            picture.png,
            maintype="image",
            subtype="png",
            cid=f"<{picture.name}>",
            filename=f"{picture.name}.png",
            disposition="inline",
        )
    return made


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
        If the host refuses: the task fails and comes back later.
    """
    client.send_message(message(mail, sender=sender, recipients=recipients))


def one_line(text: str) -> str:
    r"""
    Return ``text`` without line breaks and control characters, so that it can be a header.

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
