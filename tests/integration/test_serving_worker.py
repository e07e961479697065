"""Gunicorn's workers as the service runs them, under a route that returns a constant."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest
import requests

from tests.serving.running import RunningService

pytestmark = pytest.mark.integration

THREADS = 4
RECEIVE_TIMEOUT_S = 2


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[RunningService]:
    with RunningService(
        tmp_path_factory.mktemp("service"),
        database_url="postgresql://nobody@127.0.0.1:1/none",
        registry_url="http://127.0.0.1:1",
        app="tests.benchmarks.bare_route:create_app()",
        environment={
            "SERVICE_THREADS": str(THREADS),
            "SERVICE_RECEIVE_TIMEOUT_S": str(RECEIVE_TIMEOUT_S),
        },
    ) as running:
        time.sleep(1)  # both workers are there
        yield running


def connect(service) -> HTTPConnection:
    client = HTTPConnection("127.0.0.1", service.port, timeout=5)
    client.connect()
    client.auto_open = 0  # a connection that the service closes is a failure
    return client


def answered(client: HTTPConnection) -> bool:
    client.request("POST", "/predict", b"{}")
    response = client.getresponse()
    return response.status == 200 and response.read() == b'{"tags":[]}'


def connections(service) -> list[int]:
    return [
        sum(
            found.status == "ESTABLISHED" and found.laddr.port == service.port
            for found in worker.net_connections()
        )
        for worker in service.workers()
    ]


def test_simultaneous_clients_are_balanced_over_the_workers(service):
    clients = [connect(service) for _ in range(16)]
    try:
        assert all(answered(client) for client in clients)
        # Half of its share: on a busy machine the worker that should accept may not run in time
        assert min(connections(service)) >= 4
    finally:
        for client in clients:
            client.close()


def test_new_client_is_answered_while_others_keep_connections_open(service):
    clients = [connect(service) for _ in range(8 * THREADS)]
    try:
        assert all(answered(client) for client in clients)
        begin = time.monotonic()
        assert requests.get(f"{service.url}/readyz", timeout=5).status_code == 200
        assert time.monotonic() - begin < 1.0
    finally:
        for client in clients:
            client.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_busy_clients_starve_no_other(service):
    stop = threading.Event()
    counts = [0] * (4 * THREADS)

    def ask(number: int) -> None:
        with closing(connect(service)) as client:
            while not stop.is_set() and answered(client):
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    time.sleep(2)
    stop.set()
    for thread in threads:
        thread.join()

    assert min(counts) > max(counts) / 10


def test_idle_connection_is_answered_after_a_pause(service):
    with closing(connect(service)) as client:
        for pause in (0.0, 0.02, 0.2, 1.2):
            time.sleep(pause)
            assert answered(client)


def raw(service, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", service.port), timeout=30)
    client.sendall(data)
    return client


def head(length: str = "Content-Length: 2") -> bytes:
    return (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    ).encode()


def response_of(client: socket.socket) -> bytes:
    """Return what the service sends until it closes."""
    received = b""
    with suppress(ConnectionError):
        while data := client.recv(65536):
            received += data
    return received


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /pre", head() + b"{", head("Transfer-Encoding: chunked") + b"2\r\n{"],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
def test_clients_that_send_half_a_request_delay_no_other(service, sent):
    slow = [raw(service, sent) for _ in range(8 * THREADS)]
    try:
        began = time.monotonic()
        assert requests.get(f"{service.url}/readyz", timeout=5).status_code == 200
        assert time.monotonic() - began < 2
    finally:
        for client in slow:
            client.close()


def test_half_a_request_is_refused_when_its_time_is_over(service):
    with closing(raw(service, b"GET /readyz HTTP/1.1\r\nHo")) as client:
        assert response_of(client).startswith(b"HTTP/1.1 408 ")


def test_client_that_sends_a_byte_now_and_then_gets_no_more_time(service):
    with closing(raw(service, head("Content-Length: 1000"))) as client:
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - began < 10 * RECEIVE_TIMEOUT_S:
                client.sendall(b" ")
                time.sleep(0.1)
        assert time.monotonic() - began < 5 * RECEIVE_TIMEOUT_S


def test_request_in_small_pieces_is_answered(service):
    with closing(raw(service)) as client:
        for byte in head("Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n":
            client.sendall(bytes([byte]))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(service):
    whole = head() + b"{}"
    with closing(raw(service, 5 * whole + whole[:30])) as client:
        client.sendall(whole[30:])
        client.shutdown(socket.SHUT_WR)
        assert response_of(client).count(b"HTTP/1.1 200 ") == 6


@pytest.mark.parametrize(
    "request_bytes",
    [
        head("Content-Length: 99999999") + b"{",
        head("Transfer-Encoding: chunked") + b"5f5e0ff\r\n{",
        head("Transfer-Encoding: chunked") + b"80000\r\n" + b" " * 0x80000 + b"\r\n90000\r\n{",
    ],
    ids=["length", "one chunk", "second chunk"],
)
def test_body_over_the_limit_is_refused_however_it_is_sent(service, request_bytes):
    with closing(raw(service, request_bytes)) as client:
        response = response_of(client)

    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in response


def test_body_of_just_the_limit_is_answered(service):
    body = b"{}" + b" " * (1_048_576 - 2)
    for options in ({"data": body}, {"data": iter([body])}):
        assert requests.post(f"{service.url}/predict", **options, timeout=10).status_code == 200


def test_too_many_headers_are_refused(service):
    with closing(raw(service, b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 40_000)) as client:
        assert response_of(client).startswith(b"HTTP/1.1 431 ")


def test_client_that_expects_to_be_told_to_continue_is_told(service):
    request = head("Expect: 100-continue\r\nContent-Length: 2")
    with closing(raw(service, request)) as client:
        assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"{}")
        client.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 200 " in response_of(client)


def test_client_that_never_closes_its_side_delays_no_other(service):
    closed = head("Content-Length: 2\r\nConnection: close") + b"{}"
    lingering = [raw(service, closed) for _ in range(4 * THREADS)]
    try:
        began = time.monotonic()
        assert requests.get(f"{service.url}/readyz", timeout=5).status_code == 200
        assert time.monotonic() - began < 1.5
    finally:
        for client in lingering:
            client.close()


def test_clients_that_read_no_response_delay_no_other(service):
    """Pipelined requests whose responses fill every buffer between service and client."""
    deaf = []
    for _ in range(2 * THREADS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        client.setblocking(False)
        with suppress(BlockingIOError):
            for _ in range(50):
                client.send(200 * (head() + b"{}"))
        deaf.append(client)
    try:
        time.sleep(1)
        began = time.monotonic()
        assert requests.get(f"{service.url}/readyz", timeout=10).status_code == 200
        assert time.monotonic() - began < 5
    finally:
        for client in deaf:
            client.close()


def test_more_idle_clients_than_connections_delay_no_other(service):
    """A worker may have 1,000 connections; both are offered more."""
    idle = [raw(service) for _ in range(2_300)]
    try:
        began = time.monotonic()
        assert requests.get(f"{service.url}/readyz", timeout=10).status_code == 200
        assert time.monotonic() - began < 5
    finally:
        for client in idle:
            client.close()


def test_requests_beyond_the_queue_are_told_to_come_back(tmp_path):
    with RunningService(
        tmp_path,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        registry_url="http://127.0.0.1:1",
        app="tests.benchmarks.bare_route:create_app()",
        workers=1,
        environment={"SERVICE_THREADS": "1", "SERVICE_QUEUE": "2"},
    ) as service:
        (worker,) = service.workers()
        worker.suspend()
        clients = [raw(service, head() + b"{}") for _ in range(40)]
        worker.resume()
        for client in clients:
            client.shutdown(socket.SHUT_WR)
        responses = [response_of(client) for client in clients]

    refused = [response for response in responses if response.startswith(b"HTTP/1.1 503 ")]
    answered = [response for response in responses if response.startswith(b"HTTP/1.1 200 ")]
    assert len(refused) + len(answered) == 40
    assert answered
    assert refused
    assert b"\r\nRetry-After: 5\r\n" in refused[0]
