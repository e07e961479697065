"""Ports that are taken are left alone, and no two stacks are given the same."""

import socket

import pytest

from include.local_stack.ports import claimed_ports
from tests.conftest import free_port

pytestmark = pytest.mark.integration


def test_free_port_is_given_as_wanted():
    wanted = free_port()

    with claimed_ports({"service": wanted}) as ports:
        assert ports == {"service": wanted}


def test_taken_port_is_replaced_by_one_that_is_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        wanted = taken.getsockname()[1]
        with claimed_ports({"service": wanted}) as ports, socket.socket() as ours:
            assert ports["service"] != wanted
            ours.bind(("127.0.0.1", ports["service"]))


def test_two_stacks_that_start_at_once_get_different_ports():
    wanted = free_port()

    with claimed_ports({"service": wanted}) as one, claimed_ports({"service": wanted}) as other:
        assert one["service"] == wanted != other["service"]
