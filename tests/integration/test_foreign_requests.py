"""What programs and pages may send to the running servers, over real sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

import pytest
import requests

from tests.conftest import free_port
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService
from tests.serving.stub_registry import StubRegistry
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def service(postgres_server, migrated_template, tmp_path_factory):
    from tests.conftest import own_database

    folder = tmp_path_factory.mktemp("foreign")
    with own_database(postgres_server, migrated_template) as url, StubRegistry() as registry:
        registry.add("1", save_model(folder / "model", "python", "sql"))
        make_champion(url, registry, "1")
        local = folder / "service"
        local.mkdir()
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:1")
        with RunningService(
            local, database_url=url, registry_url=registry.url, environment=proxies
        ) as running:
            yield running


def raw(service: RunningService, data: bytes, answers: int, timeout_s: float = 8.0) -> bytes:
    """Send bytes over one connection; return what comes until so many answers or the time-out."""
    got = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=timeout_s) as connection:
        connection.sendall(data)
        try:
            while got.count(b"HTTP/1.1 ") < answers or not got.endswith(b"}"):
                part = connection.recv(65536)
                if not part:
                    break
                got += part
        except TimeoutError:
            pass
    return got


def question(title: str, *headers: str) -> bytes:
    body = json.dumps({"title": title}).encode()
    lines = [
        "POST /predict HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_pipelined_requests_are_all_answered(service):
    started = time.monotonic()
    got = raw(service, b"".join(question(f"python {n}?") for n in range(5)), answers=5)

    assert got.count(b"HTTP/1.1 200") == 5
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "header", ["SCRIPT_NAME: /evil", "SCRIPT-NAME: /evil", "PATH_INFO: /model"]
)
def test_path_that_a_client_sends_as_a_header_is_ignored(service, header):
    got = raw(service, question("python?", header), answers=1)

    assert b"prediction_id" in got


def test_byte_order_mark_before_json_is_ignored(service):
    response = requests.post(
        f"{service.url}/predict",
        data=b"\xef\xbb\xbf" + b'{"title": "python?"}',
        headers={"Content-Type": "application/json"},
        timeout=10,
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "body", [rb'{"title": "\ud800"}', rb'{"title": "a\udfff\ud800b"}', b'{"title": "\xed\xa0\x80"}']
)
def test_lone_surrogate_is_refused_or_stored_but_no_fault(service, body):
    response = requests.post(
        f"{service.url}/predict",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )

    assert response.status_code in {200, 400}


def test_proxies_of_the_environment_do_not_keep_the_service_from_its_registry(service):
    assert requests.get(f"{service.url}/readyz", timeout=10).json()["problem"] is None


@pytest.fixture
def evidently(tmp_path):
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "include.cli", "evidently-ui", "--port", str(port)),
            *("--workspace", str(tmp_path / "workspace")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                requests.get(url, timeout=5)
                break
            except requests.RequestException:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_evidently_refuses_foreign_hosts_and_changes_by_foreign_pages(evidently):
    project = {"name": "p", "dashboard": {"panels": []}}
    foreign = {"Origin": "https://evil.example"}

    assert requests.get(evidently, timeout=20).status_code == 200
    assert requests.get(evidently, headers={"Host": "evil.example"}, timeout=20).status_code == 421
    changed = requests.post(f"{evidently}/api/projects", json=project, headers=foreign, timeout=20)
    assert changed.status_code == 403
    assert requests.get(f"{evidently}/api/projects", timeout=20).json() == []


def test_mlflow_refuses_foreign_hosts_and_changes_by_foreign_pages(mlflow_server):
    create = f"{mlflow_server}/api/2.0/mlflow/experiments/create"
    asked = {"json": {"name": "x"}, "timeout": 20}

    assert requests.post(create, headers={"Host": "evil.example"}, **asked).status_code == 403
    assert (
        requests.post(create, headers={"Origin": "https://evil.example"}, **asked).status_code
        == 403
    )
