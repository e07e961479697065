import socket

import pytest
from gunicorn.config import Config

from serving.connections import SendBuffer, WholeRequestParser
from serving.framing import IncomingRequests

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
