"""Faults that a client is: hostile texts, slow and deaf connections, floods, foreign keys."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Any

import requests

from tests.benchmarks.faults import check
from tests.serving.running import RunningService

BUDGET_S = 10.0
"""For any one request; the service's own limit of processor time."""

MEMORY_MB = 400
"""That a worker may grow by under one hostile text."""

LIMIT = 200_000


def filled(unit: str, start: str = "") -> str:
    return (start + unit * (LIMIT // len(unit)))[:LIMIT]


def numbered(unit: str) -> str:
    return "".join(unit.replace("{n}", str(n)) for n in range(LIMIT // (len(unit) + 3)))[:LIMIT]


TEXTS: dict[str, dict[str, Any]] = {
    "one reference used 20,000 times": {
        "body": filled("[a] ", "[a]: https://example.com/" + "x" * 3000 + "\n\n"),
        "format": "markdown",
    },
    "a table that fills its rows": {
        "body": filled("x\n", "|" + "a|" * 9000 + "\n|" + "-|" * 9000 + "\n"),
        "format": "markdown",
    },
    "a name repeated 50,000 times": {"body": filled("ios "), "explain": True, "k": 25},
    "a tag's first word repeated": {"body": filled("amazon web "), "explain": True, "k": 25},
    "nested fonts": {"body": numbered("<font size={n}>")},
    "fonts opened again in each paragraph": {"body": numbered("<p>x<font size={n}>")},
    "nested fonts in Markdown": {"body": numbered("<b id={n}>"), "format": "markdown"},
    "one tag with 28,000 attributes": {"body": ("<a " + numbered("x{n} "))[: LIMIT - 1] + ">"},
    "64,000 elements in each other": {"body": filled("<div>")},
    "quotes in each other": {"body": filled("> "), "format": "markdown"},
    "a character reference of 5,000 digits": {"body": "<b>" * 2001 + "&#" + "9" * 5000 + ";"},
    "brackets": {"body": filled("["), "format": "markdown"},
    "emphasis in each other": {"body": filled("*a **a "), "format": "markdown"},
    "comments that never end": {"body": filled("<!--")},
    "a word of 200,000 letters": {"body": filled("a")},
    "a compound of 100,000 parts": {"body": filled("a-")},
    "an identifier of many words": {"body": filled("aB", "<pre>")},
    "letters of many scripts": {"body": filled("\u6f22e\u0301\u0e01\U0001d4b3")},
    "code without an end": {"body": filled("`a\n"), "format": "markdown"},
}


class RequestFaults:
    """Each fault ends with a question that must be answered at once."""

    def __init__(self, service: RunningService) -> None:
        self._service = service

    def texts(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for name, question in TEXTS.items():
            yield name, partial(self._text, {"title": "x", **question})
        yield (
            "a field with a name of 900 kB",
            partial(
                self._send, json.dumps({"title": "x", " - at `$" * 110_000: 1}).encode(), {400}
            ),
        )
        yield "lists in each other", partial(self._send, b"[" * 900_000, {400})
        yield (
            "a number of 900,000 digits",
            partial(self._send, b'{"title": "x", "k": ' + b"9" * 900_000 + b"}", {400}),
        )
        batch = [{"title": "x", "body": "ios " * 2000, "explain": True, "k": 25}] * 100
        yield (
            "a hundred long questions",
            partial(self._send, json.dumps(batch).encode(), {200, 413}),
        )

    def clients(self) -> Iterator[tuple[str, Callable[[], None]]]:
        head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        sent = {
            "100 clients that send nothing": b"",
            "100 clients that send half a head": head[:30].encode(),
            "100 clients that send half a body": f"{head}Content-Length: 99\r\n\r\n{{".encode(),
            "100 clients that send half a chunk": (
                f"{head}Transfer-Encoding: chunked\r\n\r\n50\r\n{{".encode()
            ),
            "100 clients that announce 10 GB": f"{head}Content-Length: {10**10}\r\n\r\n".encode(),
            "100 clients that send headers without end": head.encode() + b"X: " + b"y" * 40_000,
            "100 clients that never close their side": (
                f'{head}Connection: close\r\nContent-Length: 14\r\n\r\n{{"title": "x"}}'
            ).encode(),
        }
        for name, data in sent.items():
            yield name, partial(self._hundred, data)
        yield "clients that read no answer", self._deaf
        yield "a flood of 600 requests at once", self._flood
        yield "a body in chunks over the limit", self._chunked

    def _ask(self, limit_s: float = 5.0) -> None:
        began = time.monotonic()
        answer = requests.post(
            f"{self._service.url}/predict", json={"title": "docker"}, timeout=BUDGET_S
        )
        check(answer.status_code == 200, f"a question is answered {answer.status_code}")
        check(time.monotonic() - began < limit_s, "a question is answered at once")

    def _text(self, question: dict[str, Any]) -> None:
        self._send(json.dumps(question).encode(), {200, 413})

    def _send(self, body: bytes, statuses: set[int]) -> None:
        before = self._memory_mb()
        began = time.monotonic()
        answer = requests.post(
            f"{self._service.url}/predict",
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=60,
        )
        seconds = time.monotonic() - began
        check(answer.status_code in statuses, f"status {answer.status_code}")
        check(seconds < BUDGET_S, f"{seconds:.1f} s")
        check(self._memory_mb() - before < MEMORY_MB, "memory stays bounded")
        self._ask()

    def _memory_mb(self) -> float:
        return max(worker.memory_info().rss for worker in self._service.workers()) / 1e6

    def _hundred(self, data: bytes) -> None:
        with ExitStack() as stack:
            for _ in range(100):
                client = stack.enter_context(self._connect())
                with suppress(OSError):
                    client.sendall(data)
            for _ in range(5):
                self._ask()

    def _deaf(self) -> None:
        body = json.dumps({"title": "x", "body": "y" * 50_000, "format": "markdown"}).encode()
        request = (
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        with ExitStack() as stack:
            for _ in range(16):
                client = stack.enter_context(self._connect(receive_buffer=4096))
                client.setblocking(False)
                with suppress(BlockingIOError):
                    for _ in range(20):
                        client.send(request)
            time.sleep(2)
            self._ask()

    def _flood(self) -> None:
        request = (
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b'Content-Length: 14\r\nConnection: close\r\n\r\n{"title": "x"}'
        )
        with ExitStack() as stack:
            clients = [stack.enter_context(self._connect()) for _ in range(600)]
            for client in clients:
                client.sendall(request)
            statuses = [client.recv(65536)[9:12] for client in clients]
        check(set(statuses) <= {b"200", b"503"}, f"statuses {set(statuses)}")
        self._ask()

    def _chunked(self) -> None:
        def chunks() -> Iterator[bytes]:
            yield b'{"title": "x"}'
            for _ in range(40):
                yield b" " * 65_536

        with suppress(requests.ConnectionError):  # it closes while we are still sending
            answer = requests.post(
                f"{self._service.url}/predict",
                data=chunks(),
                headers={"Content-Type": "application/json"},
                timeout=30,
            )
            check(answer.status_code == 413, f"status {answer.status_code}")
        self._ask()

    def _connect(self, receive_buffer: int | None = None) -> closing[socket.socket]:
        client = socket.socket()
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(30)
        client.connect(("127.0.0.1", self._service.port))
        return closing(client)


class KeyFaults:
    """Faults of a service that needs keys: ``key`` is allowed ten questions a minute."""

    def __init__(self, service: RunningService, key: str, other_key: str) -> None:
        self._service = service
        self._key = key
        self._other_key = other_key

    def faults(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "a thousand guessed keys", self._guesses
        yield "a key that asks too much in one list", self._too_many
        yield "a key of 30 kB", partial(self._status, "x" * 30_000, {401, 400, 431})
        yield "a key of other characters", partial(self._status, "ké\x00y", {401, 400})

    def _ask(self, key: str, count: int = 1) -> requests.Response:
        return requests.post(
            f"{self._service.url}/predict",
            json=[{"title": "docker"}] * count,
            headers={"Authorization": f"Bearer {key}".encode()},
            timeout=BUDGET_S,
        )

    def _guesses(self) -> None:
        statuses = {self._ask(f"guess-{number}").status_code for number in range(1000)}
        check(statuses == {401}, f"statuses {statuses}")
        check(self._ask(self._other_key).status_code == 200, "the other key is served")

    def _too_many(self) -> None:
        refused = self._ask(self._key, 11)
        check(refused.status_code == 429, f"status {refused.status_code}")
        check(int(refused.headers["Retry-After"]) > 0, "it says until when")
        check(self._ask(self._other_key).status_code == 200, "the other key is served")

    def _status(self, key: str, statuses: set[int]) -> None:
        with closing(socket.create_connection(("127.0.0.1", self._service.port), 30)) as client:
            client.sendall(
                b"GET /model HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
                + key.encode()
                + b"\r\n\r\n"
            )
            status = int(client.recv(65536)[9:12])
        check(status in statuses, f"status {status}")
        check(self._ask(self._other_key).status_code == 200, "the other key is served")
