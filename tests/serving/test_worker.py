from multiprocessing import get_context

from gunicorn.config import Config

from serving.connection_counts import SLOTS, ConnectionCounts
from serving.entropy import random_bytes
from serving.worker import look_up_settings


def test_minimum_is_over_running_workers():
    shared = ConnectionCounts()
    assert shared.minimum() == 0

    shared.set(1, 7)
    shared.set(2, 3)
    assert shared.minimum() == 3

    shared.clear(2)
    assert shared.minimum() == 7


def test_slots_are_reused_by_later_workers():
    shared = ConnectionCounts()
    shared.set(SLOTS + 5, 100_000)

    assert shared.minimum() > 60_000


def test_counts_are_shared_across_forks():
    shared = ConnectionCounts()
    child = get_context("fork").Process(target=shared.set, args=(1, 4))
    child.start()
    child.join()

    assert shared.minimum() == 4


def test_random_bytes_differ_between_parent_and_fork():
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


def test_settings_that_were_looked_up_are_the_same_and_need_no_further_look_up(monkeypatch):
    cfg = Config()
    cfg.set("threads", 3)
    before = {name: getattr(cfg, name) for name in cfg.settings}
    look_up_settings(cfg)
    monkeypatch.delattr(Config, "__getattr__")

    assert {name: getattr(cfg, name) for name in cfg.settings} == before
