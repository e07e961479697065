"""Gunicorn's workers as the service runs them, under a route that returns a constant."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
import requests

from tests.serving.running import RunningService

pytestmark = pytest.mark.integration

THREADS = 4


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[RunningService]:
    with RunningService(
        tmp_path_factory.mktemp("service"),
        database_url="postgresql://nobody@127.0.0.1:1/none",
        registry_url="http://127.0.0.1:1",
        app="tests.benchmarks.bare_route:create_app()",
        environment={"SERVICE_THREADS": str(THREADS)},
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
        assert min(connections(service)) >= 7
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
