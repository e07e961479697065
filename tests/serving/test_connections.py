import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from gunicorn.config import Config

from serving.connections import Connection, SendBuffer, WholeRequestParser
from serving.framing import IncomingRequests
from serving.worker import BoundedWorker
from tests.serving.running import until

CLIENT = ("127.0.0.1", 50_000)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    buffer = SendBuffer(ours)
    theirs.setblocking(False)
    with buffer, theirs:
        yield buffer, theirs


def test_what_is_held_is_sent_together(ends):
    buffer, client = ends
    buffer.hold()
    buffer.sendall(b"head")
    buffer.sendall(b"body")
    with pytest.raises(BlockingIOError):
        client.recv(100)

    buffer.release()

    assert client.recv(100) == b"headbody"


def test_large_response_is_not_held(ends):
    buffer, client = ends
    buffer.hold()
    buffer.sendall(b"head")
    buffer.sendall(b"b" * 70_000)

    assert client.recv(100).startswith(b"headb")


def test_what_is_sent_after_the_release_is_not_held(ends):
    buffer, client = ends
    buffer.hold()
    buffer.release()
    buffer.sendall(b"more")

    assert client.recv(100) == b"more"


def test_held_response_to_a_client_that_has_gone_is_reported_by_the_next_flush(ends):
    buffer, client = ends
    buffer.hold()
    buffer.sendall(b"head")
    client.close()

    buffer.release()

    with pytest.raises(OSError, match="pipe"):
        buffer.flush()


def parsed(*requests: bytes) -> list[tuple[str, bytes]]:
    incoming = IncomingRequests(1 << 20)
    incoming.feed(b"".join(requests))
    parser = WholeRequestParser(Config(), incoming, CLIENT)
    found = (next(parser) for _ in requests)
    return [(request.path, request.body.read()) for request in found]


def test_body_of_a_whole_request_is_read_to_its_end_and_not_beyond():
    body = b"x" * 5_000
    first = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n" + body
    second = b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n"

    assert parsed(first, second) == [("/a", body), ("/b", b"")]


def test_chunked_body_is_joined():
    request = (
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )

    assert parsed(request) == [("/a", b"abcde")]


def test_client_on_this_machine_is_no_proxy():
    incoming = IncomingRequests(1 << 20)
    incoming.feed(b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\n\r\n")
    cfg = Config()  # which trusts 127.0.0.1

    assert next(WholeRequestParser(cfg, incoming, CLIENT)).scheme == "http"


def connection(worker: BoundedWorker, ours: socket.socket) -> Connection:
    return Connection(worker.cfg, SendBuffer(ours), CLIENT, CLIENT, limit=1 << 20)


def test_one_thread_at_most_waits_for_the_next_request_of_its_connection(monkeypatch):
    monkeypatch.setattr("serving.worker.KEEP_ALIVE_WAIT_MS", 60_000)
    worker = BoundedWorker(1, 0, [], None, 60, Config(), None)
    worker.cfg.set("threads", 4)
    (idle, first), (busy, second) = socket.socketpair(), socket.socketpair()
    waiting, other = connection(worker, first), connection(worker, second)
    busy.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    with ThreadPoolExecutor(1) as threads, idle, busy, waiting.sock, other.sock:
        found = threads.submit(worker._has_next_request, waiting)
        assert until(worker._waiter.locked)

        assert worker._has_next_request(other) is False
        idle.close()
        assert found.result(timeout=60) is False
        assert worker._has_next_request(other) is True
