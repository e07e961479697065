"""The guard before Evidently's UI: other hosts, and changes by pages of other origins, are refused."""

import asyncio

import pytest

from include.local_stack.request_guard import RequestGuard


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def status_of(method="GET", kind="http", **headers):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    guard = RequestGuard(page, frozenset({"localhost", "127.0.0.1", "::1"}))
    asyncio.run(guard(scope, None, send))
    return sent[0].get("status", sent[0]["type"])


@pytest.mark.parametrize("host", ["localhost:8085", "127.0.0.1:8085", "[::1]:8085"])
def test_page_of_this_host_may_read_and_change(host):
    assert status_of(host=host) == 200
    assert status_of("POST", host=host, origin=f"http://{host}") == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", ""])
def test_other_host_is_refused(host):
    assert status_of(host=host) == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_change_by_a_page_of_another_origin_is_refused(method, origin):
    assert status_of(method, host="localhost", origin=origin) == 403


def test_program_without_an_origin_may_change():
    assert status_of("POST", host="localhost") == 200


def test_websocket_of_another_origin_is_closed():
    headers = {"host": "localhost", "origin": "https://evil.example"}

    assert status_of(kind="websocket", **headers) == "websocket.close"
