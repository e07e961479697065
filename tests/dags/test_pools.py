"""Pools in a real Airflow: made, adapted to the machine, and kept where a user changed them."""

import pytest

from include import names
from include.capacity import TrainingCapacity
from include.local_stack.pools import update_pools

pytestmark = pytest.mark.integration


def slots() -> dict[str, int]:
    from airflow.models.pool import Pool

    return {pool.pool: pool.slots for pool in Pool.get_pools()}


def set_slots(count: int) -> None:
    """Set the slots of the trainings' pool, as a user does."""
    from airflow.models.pool import Pool

    Pool.create_or_update_pool(
        names.POOL_TRAINING, slots=count, description="", include_deferred=False
    )


def test_a_start_keeps_the_pool_that_a_user_set_and_adapts_the_other(metadata, tmp_path):
    update_pools(tmp_path, TrainingCapacity(slots=2, threads=1, memory_mb=7_000))
    update_pools(tmp_path, TrainingCapacity(slots=4, threads=1, memory_mb=7_000))
    assert slots()[names.POOL_TRAINING] == 4

    set_slots(3)
    assert update_pools(tmp_path, TrainingCapacity(slots=1, threads=1, memory_mb=7_000)) == {}
    assert slots()[names.POOL_TRAINING] == 3
    assert slots()[names.POOL_API] == 2

    set_slots(2)  # as other tests expect it
