"""A mail host and a Slack webhook for tests, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from aiosmtpd.controller import Controller

from tests.conftest import free_port


class MailHost(Controller):
    """An SMTP server that keeps what it gets, unless it ``refuses``."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False
        super().__init__(self, hostname="127.0.0.1", port=free_port())

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        if self.refuses:
            return "451 Try again later"
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    @property
    def connection(self) -> str:
        """Its connection as Airflow reads it from the environment."""
        return json.dumps(
            {
                "conn_type": "smtp",
                "host": self.hostname,
                "port": self.port,
                "extra": {"disable_ssl": True, "disable_tls": True, "retry_limit": 1},
            }
        )


@contextmanager
def mail_host() -> Iterator[MailHost]:
    host = MailHost()
    host.start()
    try:
        yield host
    finally:
        host.stop(no_assert=True)


class SlackStandIn(ThreadingHTTPServer):
    """Answers posts to a webhook with ``status``, and keeps the bodies of those that it takes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.bodies: list[str] = []
        self.status = 200

    @property
    def texts(self) -> list[str]:
        """The texts of the posts so far."""
        return [json.loads(body)["text"] for body in self.bodies]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0/secret"


class _Webhook(BaseHTTPRequestHandler):
    server: SlackStandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.server.status == 200:
            self.server.bodies.append(body)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments) -> None:
        pass


@contextmanager
def slack_stand_in() -> Iterator[SlackStandIn]:
    server = SlackStandIn()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
