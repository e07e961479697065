"""Taken ports are left alone, and no two stacks get the same port."""

import socket
import subprocess

import pytest

from include.local_stack.ports import keep_ports, reserved_ports
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


def test_port_of_a_stopped_process_stays_with_its_stack_until_the_supervisor_ends():
    preferred = free_port()
    with subprocess.Popen(["sleep", "60"]) as supervisor:
        with reserved_ports({"mail": preferred}) as ports:
            keep_ports(ports.values(), supervisor.pid)
        with reserved_ports({"mail": preferred}) as other:
            assert other["mail"] != preferred
        supervisor.kill()
    with reserved_ports({"mail": preferred}) as later:
        assert later["mail"] == preferred
