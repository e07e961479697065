"""Mails, and their conversion to MIME messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses
from smtplib import SMTP
from typing import Final

import idna

from include import names
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
    mail: Mail,
    *,
    sender: str,
    recipients: str,
    at: datetime | None = None,
    origin: str = names.PROJECT,
) -> EmailMessage:
    """
    Return a mail as a MIME message: plain text with an HTML alternative and inline images.

    Parameters
    ----------
    mail : Mail
    sender : str
        One address, with or without a name; a name with a comma in quotes.
    recipients : str
        Addresses, separated by commas.
    at : datetime or None
        Aware; now if None.
    origin : str
        Site and installation, so that mails of two of them have different ids.

    Raises
    ------
    FixSettingsError
        If ``sender`` or ``recipients`` holds no address or a line break, or an address has other
        characters than ASCII before the ``@``.

    References
    ----------
    .. [1] RFC 2047, section 2 (encoded words: at most 75 characters, in lines of at most 76).
    .. [2] RFC 5891 (international domain names).
    """
    subject = one_line(mail.subject)[:MAX_SUBJECT_LENGTH]
    people = (*_addresses(sender, "MAIL_FROM")[:1], *_addresses(recipients, "MAIL_TO"))
    encoded = not all(text.isascii() for text in (subject, *(p.display_name for p in people)))
    # Some clients show a folded subject with a leading space: fold only where it must be.
    built = EmailMessage(
        policy=SMTP_POLICY.clone(max_line_length=76 if encoded else 2 * MAX_SUBJECT_LENGTH)
    )
    built["From"] = people[0]
    built["To"] = people[1:]
    built["Subject"] = subject
    built["Date"] = format_datetime(at or datetime.now(UTC))
    local, domain = (_NOT_ALLOWED_IN_ID.sub("-", part) for part in (mail.key, origin))
    built["Message-ID"] = f"<{local}@{domain}>"
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


def send(
    client: SMTP, mail: Mail, *, sender: str, recipients: str, origin: str = names.PROJECT
) -> None:
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
    client.send_message(message(mail, sender=sender, recipients=recipients, origin=origin))


def one_line(text: str) -> str:
    r"""
    Return ``text`` without line breaks and control characters, for use in a header.

    Examples
    --------
    >>> one_line("Drift\r\nBcc: everybody@example.org")
    'Drift Bcc: everybody@example.org'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _addresses(text: str, setting: str) -> list[Address]:
    """Return the addresses in ``text``, domains in ASCII; FixSettingsError if there are none."""
    found = getaddresses([text])
    if any(c in text for c in "\r\n") or not found:
        raise FixSettingsError(f"{setting} must hold mail addresses, got {text!r}")
    return [_address(name, address, setting) for name, address in found]


def _address(name: str, address: str, setting: str) -> Address:
    user, _, domain = address.rpartition("@")
    if not _ADDRESS.fullmatch(address):
        raise FixSettingsError(
            f"{setting} must hold mail addresses, got {address or name!r}: separate them by "
            'commas, and put a name with a comma in quotes, as in "Keeper, Tag" <tag@example.org>'
        )
    try:
        user.encode("ascii")
        return Address(name, user, idna.encode(domain, uts46=True).decode("ascii"))
    except UnicodeError as error:
        raise FixSettingsError(
            f"{setting}: {address!r} cannot be used ({error}): before the @ only ASCII characters "
            "reach every mail server"
        ) from None
