"""Reads the messages that the mail sink received."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from include.errors import CheckFailedError
from include.local_stack.waiting import STANDSTILL_S, wait_for


def received(folder: Path) -> list[EmailMessage]:
    """Return the messages in the sink's folder, the earliest first."""
    paths = sorted(folder.glob("*.eml"))
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]


def wait_for_mail(
    folder: Path,
    what: str,
    matches: Callable[[EmailMessage], bool],
    standstill_s: float = STANDSTILL_S,
) -> EmailMessage:
    """
    Return the one received mail that matches.

    Raises
    ------
    RetryLaterError
        If no mail at all arrives for too long; the message says ``what`` and where the mails are.
    CheckFailedError
        If it arrived more than once.
    """
    found = wait_for(
        lambda: [mail for mail in received(folder) if matches(mail)],
        what=f"{what} has not arrived in {folder}",
        progress=lambda: len(received(folder)),
        standstill_s=standstill_s,
        pause_s=0.2,
    )
    if len(found) > 1:
        raise CheckFailedError(f"{what} arrived {len(found)} times in {folder}")
    return found[0]


def plain_text(mail: EmailMessage) -> str:
    """Return a mail's plain-text part, empty if it has none."""
    part = mail.get_body(("plain",))
    return "" if part is None else str(part.get_content())
