from multiprocessing import get_context

from serving.chance import random_bytes
from serving.worker import SLOTS, Connections


def test_fewest_connections_of_the_workers_there_are():
    shared = Connections()
    assert shared.fewest() == 0

    shared.note(1, 7)
    shared.note(2, 3)
    assert shared.fewest() == 3

    shared.forget(2)
    assert shared.fewest() == 7


def test_workers_beyond_the_slots_take_those_of_the_dead():
    shared = Connections()
    shared.note(SLOTS + 5, 100_000)

    assert shared.fewest() > 60_000


def test_forked_workers_see_each_others_connections():
    shared = Connections()
    child = get_context("fork").Process(target=shared.note, args=(1, 4))
    child.start()
    child.join()

    assert shared.fewest() == 4


def test_a_forked_worker_draws_other_bytes_than_its_parent():
    random_bytes()
    context = get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=lambda: send.send([random_bytes() for _ in range(500)]))
    child.start()
    theirs = receive.recv()
    child.join()
    ours = [random_bytes() for _ in range(500)]

    assert len({*theirs, *ours}) == 1000
    assert all(len(drawn) == 16 for drawn in ours)
