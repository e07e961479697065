"""Reads the messages that the mail sink received."""

import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from include.errors import CheckFailedError


def received(folder: Path) -> list[EmailMessage]:
    """Return the messages in the sink's folder, the earliest first."""
    paths = sorted(folder.glob("*.eml"))
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]


def wait_for_mail(
    folder: Path, what: str, matches: Callable[[EmailMessage], bool], timeout_s: float
) -> EmailMessage:
    """
    Return the one received mail that matches.

    Raises
    ------
    CheckFailedError
        If it has not arrived after ``timeout_s`` seconds, or arrived more than once; the message
        says ``what`` and where the mails are.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := [mail for mail in received(folder) if matches(mail)]):
        if time.monotonic() > deadline:
            raise CheckFailedError(f"{what} has not arrived in {folder}")
        time.sleep(0.2)
    if len(found) > 1:
        raise CheckFailedError(f"{what} arrived {len(found)} times in {folder}")
    return found[0]


def plain_text(mail: EmailMessage) -> str:
    """Return a mail's plain-text part, empty if it has none."""
    part = mail.get_body(("plain",))
    return "" if part is None else str(part.get_content())
