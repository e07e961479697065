"""Requests are cut out of a connection's bytes, wherever the network cuts them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.framing import MAX_HEAD_BYTES, IncomingRequests, Progress
from tests.growth import superlinear

BODIES = st.binary(max_size=300)


def with_length(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def in_chunks(body: bytes, size: int = 7) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x;e=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nT: 1\r\n\r\n"


def cut(data: bytes, incoming: IncomingRequests, at: list[int]) -> list[bytes]:
    """Feed ``data`` in pieces, and return the requests that became whole."""
    found = []
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    for begin, end in pairwise(edges):
        incoming.feed(data[begin:end])
        while incoming.progress is Progress.WHOLE:
            found.append(incoming.recv(1))
    return found


@given(st.lists(BODIES, max_size=4), st.lists(st.integers(0, 3000), max_size=12), st.booleans())
def test_requests_are_the_same_however_they_are_cut(bodies, at, chunked):
    requests = [in_chunks(body) if chunked else with_length(body) for body in bodies]

    assert cut(b"".join(requests), IncomingRequests(1000), at) == requests


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_are_partial_whole_or_too_large(data, at):
    incoming = IncomingRequests(100)
    sent = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + data
    found = cut(sent, incoming, at)

    assert sum(map(len, found)) + incoming.size == len(sent)


@pytest.mark.parametrize(
    "body", [with_length(b"x" * 11), in_chunks(b"x" * 11), in_chunks(b"x" * 11, 50)]
)
def test_body_over_the_limit_is_noticed(body):
    assert IncomingRequests(10).feed(body) is Progress.BODY_TOO_LARGE


def test_endless_head_is_noticed():
    assert IncomingRequests(10).feed(b"x" * (MAX_HEAD_BYTES + 1)) is Progress.HEAD_TOO_LARGE


def test_endless_chunk_size_is_left_to_the_parser():
    data = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 1000

    assert IncomingRequests(10).feed(data) is Progress.WHOLE


def test_time_of_collecting_many_small_chunks_grows_linearly():
    def collect(text: str) -> None:
        incoming = IncomingRequests(10**9)
        incoming.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        data = text.encode()
        for start in range(0, len(data), 1000):
            incoming.feed(data[start : start + 1000])

    assert not superlinear(collect, ["1\r\nx\r\n", "x", "1;", "\r\n", "ffffff\r\n"], count=40_000)
