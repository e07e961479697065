"""Taken ports are left alone, and no two stacks get the same port."""

import socket

import pytest

from include.local_stack.ports import reserved_ports
from tests.conftest import free_port

pytestmark = pytest.mark.integration


def test_free_port_is_reserved():
    preferred = free_port()

    with reserved_ports({"service": preferred}) as ports:
        assert ports == {"service": preferred}


def test_taken_port_is_replaced_by_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        preferred = taken.getsockname()[1]
        with reserved_ports({"service": preferred}) as ports, socket.socket() as ours:
            assert ports["service"] != preferred
            ours.bind(("127.0.0.1", ports["service"]))


def test_two_stacks_that_start_at_once_get_different_ports():
    preferred = free_port()

    with (
        reserved_ports({"service": preferred}) as one,
        reserved_ports({"service": preferred}) as other,
    ):
        assert one["service"] == preferred != other["service"]
