import os

from serving.rate_storage import SharedMemoryStorage


def test_counter_counts():
    storage = SharedMemoryStorage()

    assert [storage.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert storage.get("a") == 3
    assert storage.get("b") == 0


def test_counter_restarts_when_its_window_ends():
    storage = SharedMemoryStorage()
    storage.incr("a", -1)

    assert storage.incr("a", 60) == 1


def test_workers_share_counters():
    storage = SharedMemoryStorage()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            for _ in range(500):
                storage.incr("a", 60)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)

    assert storage.get("a") == 2000


def test_cleared_counter_is_zero():
    storage = SharedMemoryStorage()
    storage.incr("a", 60)
    storage.incr("b", 60)

    storage.clear("a")

    assert (storage.get("a"), storage.get("b")) == (0, 1)
