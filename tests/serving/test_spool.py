import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from serving.spool import SEGMENT_BYTES, Spool, segment_paths, spool_state


def contents(spool):
    """Return what is on the disk, which is all that outlives the process."""
    spool.drop_buffers()
    return [line for segment in spool.sealed for line in segment.contents().lines]


def test_lines_are_read_back_in_order(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"one", b"two"])
    spool.append("f", [b"three"])
    spool.seal()

    assert contents(spool) == [("p", b"one"), ("p", b"two"), ("f", b"three")]


def test_buffered_rows_need_not_be_read_back(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"one", b"two"])
    spool.append("f", [b"three"])
    spool.seal()
    (segment,) = spool.sealed
    segment.path.unlink()

    assert segment.contents().lines == [("p", b"one"), ("p", b"two"), ("f", b"three")]


def test_row_cut_by_a_crash_is_reported_as_damaged(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"whole", b"torn"])
    spool.seal()
    (segment,) = spool.sealed
    os.truncate(segment.path, segment.path.stat().st_size - 3)
    spool.drop_buffers()

    lines, damaged = segment.contents()

    assert lines == [("p", b"whole")]
    assert len(damaged) == 1


def test_live_workers_segments_are_not_adopted(tmp_path):
    spool, other = Spool(tmp_path), Spool(tmp_path)
    spool.append("p", [b"one"])

    other.adopt()

    assert not other.sealed


def test_segment_of_a_killed_worker_is_adopted(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from serving.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]))\n"
        "for n in range(1000): spool.append('p', [b'%d' % n])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL

    spool = Spool(tmp_path)
    spool.adopt()

    assert contents(spool) == [("p", b"%d" % n) for n in range(1000)]


def test_deleted_segments_are_gone(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"one"])
    spool.seal()
    spool.sealed.popleft().delete()

    assert segment_paths(tmp_path) == []


def test_segments_of_a_closed_spool_can_be_adopted(tmp_path):
    spool, other = Spool(tmp_path), Spool(tmp_path)
    spool.append("p", [b"one"])
    spool.close()

    other.adopt()

    assert contents(other) == [("p", b"one")]


def test_synced_lines_are_on_the_disk_when_append_returns(tmp_path):
    spool = Spool(tmp_path, sync=True)
    spool.append("p", [b"one"])
    spool.seal()

    segment = spool.sealed[0]
    assert segment.synced == segment.size > 0


def test_state_has_size_and_age(tmp_path):
    spool = Spool(tmp_path)
    assert spool_state(tmp_path) == (0, 0.0)
    spool.append("p", [b"x" * 100])
    time.sleep(0.05)

    size, age = spool_state(tmp_path)

    assert size > 100
    assert 0.05 <= age < 5


def test_full_disk_rejects_the_line_and_keeps_the_others(tmp_path):
    """A limit on the file's size makes ``write`` fall short just as a full disk does."""
    spool = Spool(tmp_path)
    spool.append("p", [b"kept"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises(OSError, match=r"written|large"):
            spool.append("p", [b"x" * 1000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    spool.append("p", [b"later"])
    spool.seal()

    assert contents(spool) == [("p", b"kept"), ("p", b"later")]


class FailingFlush:
    """A disk that reports one failed flush, and then, as Linux does, success."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, fd: int) -> None:
        self.calls += 1
        if self.calls == 1:
            raise OSError(5, "Input/output error")


def test_after_a_failed_flush_nothing_is_appended_to_that_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fdatasync", FailingFlush())
    spool = Spool(tmp_path, sync=True)
    with pytest.raises(OSError, match="Input/output"):
        spool.append("p", [b"not durable"])

    spool.append("p", [b"durable"])
    spool.seal()

    failed, later = spool.sealed
    assert failed.contents().lines == [("p", b"not durable")]
    assert later.contents().lines == [("p", b"durable")]
    assert later.synced == later.size
    assert failed.synced == 0


def test_threads_that_wait_for_a_failed_flush_all_get_its_error(tmp_path, monkeypatch):
    began, go_on = threading.Event(), threading.Event()

    def slow_failure(fd: int) -> None:
        began.set()
        go_on.wait(10)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", slow_failure)
    spool, errors = Spool(tmp_path, sync=True), []

    def append(row: bytes) -> None:
        try:
            spool.append("p", [row])
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=append, args=(b"%d" % n,)) for n in range(4)]
    threads[0].start()
    began.wait(10)
    for thread in threads[1:]:
        thread.start()
    while spool.current_bytes < 4 * len(b"\n00000000 00000000 p 0"):
        time.sleep(0.005)
    go_on.set()
    for thread in threads:
        thread.join()

    assert len(errors) == 4


def test_segment_that_cannot_be_opened_does_not_hide_the_others(tmp_path):
    (tmp_path / "00000000000001-1-0.log").mkdir()
    dead = Spool(tmp_path)
    dead.append("p", [b"one"])
    dead.close()

    spool = Spool(tmp_path)
    spool.adopt()

    assert contents(spool) == [("p", b"one")]


def test_memory_of_appended_rows_is_bounded_while_nothing_is_drained(tmp_path):
    spool = Spool(tmp_path)
    row = b"x" * 1_000_000
    for _ in range(40):
        spool.append("p", [row])

    held = [segment for segment in spool.sealed if segment.buffered is not None]
    assert held == []
    assert spool.current_bytes < SEGMENT_BYTES
