"""The real platform on this machine, killed, stopped and started again: the last tests of the shared one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from include.demo.database_checks import verify_months
from include.local_stack.state import read_environment
from include.local_stack.status import stack_status
from include.store.engine import make_engine
from tests.integration.shared_stack import MONTHS, command, stack_processes

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(1500),
    pytest.mark.usefixtures("first_champion"),
]


def test_a_killed_process_is_restarted(local: Path):
    victim = next(line for line in stack_status(local) if line.name == "mail")
    os.kill(victim.pid, signal.SIGKILL)
    again = command(local, "up")

    assert again.returncode == 0
    revived = next(line for line in stack_status(local) if line.name == "mail")
    assert revived.pid not in {0, victim.pid}


def test_down_leaves_no_process_also_when_the_supervisor_was_killed(local: Path):
    (supervisor,) = {psutil.Process(line.pid).ppid() for line in stack_status(local)}
    os.kill(supervisor, signal.SIGKILL)
    assert len(stack_processes(local)) > 5

    stopped = command(local, "down")

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert stack_processes(local) == []


def test_the_stack_starts_again_with_its_data_and_stops(local: Path):
    started = command(local, "up")
    assert started.returncode == 0, started.stdout + started.stderr
    environment = read_environment(local)
    engine = make_engine(environment["DATABASE_URL"])
    assert verify_months(engine, environment["SITE"], MONTHS) > 100
    engine.dispose()

    stopped = command(local, "down")

    assert stopped.returncode == 0
    assert stack_processes(local) == []
    assert "Nothing was running" in command(local, "down").stdout
