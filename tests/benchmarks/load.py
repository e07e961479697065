"""
A load generator in one process: keep-alive connections over epoll, payloads in rotation.

``python -m tests.benchmarks.load --url http://127.0.0.1:8000/predict --connections 4 --seconds 5``
prints one JSON object. With ``--rate`` requests are sent on a schedule (open loop), and latency is
measured from the scheduled time; without it, each connection sends its next request at once (closed
loop). SIGTERM ends it early, after pending responses.
"""

from __future__ import annotations

import argparse
import heapq
import json
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class LoadResults:
    """The results of requests; ``latencies`` in seconds, ``bodies`` only with ``keep_bodies``."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    bodies: list[tuple[float, bytes]] = field(default_factory=list)


class Connection:
    """One keep-alive connection with at most one pending request."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.sock = self._open()
        self.received = bytearray()
        self.since = 0.0

    def _open(self) -> socket.socket:
        sock = socket.create_connection(self.address, timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def reopen(self) -> None:
        self.sock.close()
        self.received.clear()
        self.sock = self._open()

    def send(self, request: bytes, since: float) -> None:
        self.since = since
        self.received.clear()
        self.sock.sendall(request)

    def answer(self) -> tuple[str, bytes, bool] | None:
        """Return status, body and whether the server closes; None while the response is partial."""
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed by the server")
        self.received += data
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        head = bytes(self.received[:head_end]).lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start : head.find(b"\r\n", start) if b"\r\n" in head[start:] else None])
        if len(self.received) < head_end + 4 + length:
            return None
        body = bytes(self.received[head_end + 4 :])
        return head[9:12].decode(), body, b"connection: close" in head


def http_requests(url: str, payloads: Sequence[bytes], headers: Sequence[str] = ()) -> list[bytes]:
    """Return complete HTTP requests that post ``payloads``."""
    parts = urlsplit(url)
    extra = "".join(f"{line}\r\n" for line in headers)
    return [
        (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{extra}"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        ).encode()
        + payload
        for payload in payloads
    ]


class Load:
    """Sends ``requests`` in rotation over ``connections`` until ``seconds`` have passed."""

    def __init__(
        self, url: str, requests: Sequence[bytes], *, connections: int, keep_bodies: bool = False
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._requests = requests
        self._keep_bodies = keep_bodies
        self.sent = 0
        self._selector = selectors.EpollSelector()
        self._idle: list[Connection] = []
        for _ in range(connections):
            self._idle.append(Connection(self._address))
            self._watch(self._idle[-1])
        self._busy = 0
        self.stopped = False
        self.results = LoadResults()

    def run(self, seconds: float, rate: float | None = None) -> LoadResults:
        begin = time.perf_counter()
        end = begin + seconds
        due: list[float] = []
        scheduled = 0
        while True:
            now = time.perf_counter()
            if self.stopped:
                end = min(end, now)
            if now >= end and not self._busy:
                return self.results
            if now < end:
                if rate is not None:
                    while begin + scheduled / rate <= now:
                        heapq.heappush(due, begin + scheduled / rate)
                        scheduled += 1
                while self._idle and (rate is None or due):
                    self._send(heapq.heappop(due) if rate is not None else time.perf_counter())
            wait = 0.05 if rate is None else max(0.0, begin + scheduled / rate - now)
            for key, _ in self._selector.select(min(wait, 0.05)):
                self._receive(key.data)

    def _watch(self, connection: Connection) -> None:
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _send(self, since: float) -> None:
        connection = self._idle.pop()
        request = self._requests[self.sent % len(self._requests)]
        self.sent += 1
        try:
            connection.send(request, since)
            self._busy += 1
        except OSError:
            self._broken(connection)

    def _receive(self, connection: Connection) -> None:
        busy = connection not in self._idle
        try:
            answer = connection.answer()
        except OSError:
            self._busy -= busy
            if not busy:
                self._idle.remove(connection)
            self._broken(connection, counted=busy)
            return
        if answer is None:
            return
        status, body, closing = answer
        now = time.perf_counter()
        self.results.latencies.append(now - connection.since)
        self.results.statuses[status] += 1
        if self._keep_bodies:
            self.results.bodies.append((time.time(), body))
        self._busy -= 1
        if closing:
            self._reopen(connection)
        self._idle.append(connection)

    def _broken(self, connection: Connection, *, counted: bool = True) -> None:
        if counted:
            self.results.statuses["broken"] += 1
        self._reopen(connection)
        self._idle.append(connection)

    def _reopen(self, connection: Connection) -> None:
        """Reconnect, retrying for up to 30 seconds while the server is down."""
        self._selector.unregister(connection.sock)
        deadline = time.monotonic() + 30
        while True:
            try:
                connection.reopen()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._watch(connection)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the sorted ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def summary(results: LoadResults, seconds: float) -> dict[str, Any]:
    """Return requests a second and latencies in milliseconds."""
    return {
        "requests_per_s": round(len(results.latencies) / seconds, 1),
        **{
            f"p{int(share * 100)}_ms": round(quantile(results.latencies, share) * 1000, 3)
            for share in (0.5, 0.95, 0.99)
        },
        "statuses": dict(results.statuses),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--payloads", type=Path, required=True, help="one JSON body a line")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warmup", type=float, default=0.5, help="seconds not counted")
    parser.add_argument("--rate", type=float, help="requests a second, sent on schedule")
    parser.add_argument("--bodies", type=Path, help="write time and body of each answer here")
    arguments = parser.parse_args()
    requests = http_requests(arguments.url, arguments.payloads.read_bytes().splitlines())
    load = Load(
        arguments.url,
        requests,
        connections=arguments.connections,
        keep_bodies=arguments.bodies is not None,
    )
    signal.signal(signal.SIGTERM, lambda *_: setattr(load, "stopped", True))
    load.run(arguments.warmup, arguments.rate)
    warm = load.sent
    if arguments.warmup:
        load.results = LoadResults(bodies=load.results.bodies)
    begin, spent = time.perf_counter(), time.process_time()
    results = load.run(arguments.seconds, arguments.rate)
    spent = time.process_time() - spent
    if arguments.bodies is not None:
        with arguments.bodies.open("wb") as file:
            file.writelines(b"%f %b\n" % (at, body) for at, body in results.bodies)
    figures = summary(results, time.perf_counter() - begin)
    figures["sent"] = load.sent  # with those before the measurement
    figures["generator_cpu_us"] = round(1e6 * spent / max(1, load.sent - warm), 1)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
