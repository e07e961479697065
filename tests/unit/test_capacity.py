"""What trainings and PostgreSQL may use of a machine, and pools that keep what a user has set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.capacity import Machine, postgres_memory, this_machine, training_capacity
from include.local_stack.pools import planned_pools, pools_to_import

MACHINES = st.builds(Machine, st.integers(1, 256), st.integers(256, 4_000_000))


@given(MACHINES)
def test_trainings_at_once_exceed_neither_cores_nor_memory(machine):
    capacity = training_capacity(machine)

    assert capacity.slots * capacity.threads <= machine.cores
    assert capacity.memory_mb <= 0.6 * machine.memory_mb
    assert capacity.slots == 1 or capacity.memory_mb >= 6_000 * capacity.slots


def test_a_fit_uses_several_cores_of_a_large_machine():
    assert training_capacity(Machine(cores=16, memory_mb=64_000)).threads == 4


def test_settings_override_what_follows_from_the_machine():
    capacity = training_capacity(Machine(16, 64_000), slots=8, threads=1, memory_mb=2_000)

    assert (capacity.slots, capacity.threads, capacity.memory_mb) == (8, 1, 2_000)


@given(st.integers(1, 4_000_000))
def test_memory_of_the_database_leaves_room_for_the_platform(memory_mb):
    settings = {name: int(value.removesuffix("MB")) for name, value in
                postgres_memory(memory_mb).items()}  # fmt: skip

    assert settings["shared_buffers"] <= max(128, memory_mb / 8)
    assert settings["work_mem"] <= max(4, memory_mb / 1024)


def test_this_machine_has_cores_and_memory():
    machine = this_machine()

    assert machine.cores >= 1
    assert machine.memory_mb >= 256


def pool(slots: int) -> dict:
    return {"slots": slots, "description": "", "include_deferred": False}


@pytest.mark.parametrize(
    ("existing", "made", "written"),
    [
        ({}, {}, {"training": 4}),
        ({"training": pool(2)}, {"training": 2}, {"training": 4}),
        ({"training": pool(4)}, {"training": 4}, {}),
        ({"training": pool(3)}, {"training": 2}, {}),  # a user's
        ({"training": pool(2)}, {}, {}),
        ({"default_pool": pool(128)}, {"training": 2}, {"training": 4}),  # deleted by a user
    ],
)
def test_pool_follows_the_machine_unless_a_user_changed_it(existing, made, written):
    changed = pools_to_import({"training": pool(4)}, existing, made)

    assert {name: one["slots"] for name, one in changed.items()} == written


def test_planned_pools_have_what_airflow_requires():
    for planned in planned_pools(training_capacity(Machine(2, 24_000))).values():
        assert set(planned) == {"slots", "description", "include_deferred"}
