"""Pools in a real Airflow: made, adapted to the machine, and kept where a user changed them."""

import pytest

from include import names
from include.capacity import TrainingCapacity
from include.local_stack.pools import update_pools
from tests.dags.airflow_command import airflow

pytestmark = pytest.mark.integration


def slots() -> dict[str, int]:
    from airflow.models.pool import Pool

    return {pool.pool: pool.slots for pool in Pool.get_pools()}


def test_a_start_keeps_the_pool_that_a_user_set_and_adapts_the_other(metadata, tmp_path):
    update_pools(tmp_path, TrainingCapacity(slots=2, threads=1, memory_mb=7_000))
    update_pools(tmp_path, TrainingCapacity(slots=4, threads=1, memory_mb=7_000))
    assert slots()[names.POOL_TRAINING] == 4

    code, output = airflow("pools", "set", names.POOL_TRAINING, "3", "mine")
    assert code == 0, output
    assert update_pools(tmp_path, TrainingCapacity(slots=1, threads=1, memory_mb=7_000)) == {}
    assert slots()[names.POOL_TRAINING] == 3
    assert slots()[names.POOL_API] == 2

    airflow("pools", "set", names.POOL_TRAINING, "2", "training")  # as other tests expect it
