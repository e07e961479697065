"""
A mail server that delivers nothing: each message becomes one .eml file in a folder.

``tagkeeper mail-sink --port 8025 --folder .local/mail``
"""

import asyncio
import logging
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

log = logging.getLogger(__name__)


class Sink:
    """
    Stores every message that it receives.

    Parameters
    ----------
    folder : Path
        Folder of the files; their names sort by time of arrival.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Write the message to a file atomically, then accept it."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}.eml"
        content = envelope.content or b""
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        draft = self._folder / f".{name}"
        draft.write_bytes(data)
        draft.rename(self._folder / name)
        log.info("stored %s, %d bytes, for %d recipients", name, len(data), len(envelope.rcpt_tos))
        return "250 Message accepted for delivery"


async def serve(host: str, port: int, folder: Path) -> None:
    """Receive mail on ``host:port`` until SIGTERM or SIGINT."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    sink = Sink(folder)
    server = await loop.create_server(
        lambda: SMTP(sink, hostname="localhost", enable_SMTPUTF8=True, loop=loop), host, port
    )
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    log.info("receiving mail on %s:%d into %s", host, port, folder)
    async with server:
        await stopped.wait()
