import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from serving.spool import Spool, segment_paths, spool_state


def contents(spool):
    """Return what is on the disk, which is all that outlives the process."""
    spool.drop_buffers()
    return [line for segment in spool.sealed for line in segment.lines()]


def test_lines_are_read_back_in_order(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"one", b"two"])
    spool.append("f", [b"three"])
    spool.seal()

    assert contents(spool) == [("p", b"one"), ("p", b"two"), ("f", b"three")]


def test_buffered_lines_equal_those_on_disk(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"one", b"two"])
    spool.append("f", [b"three"])
    spool.seal()
    (segment,) = spool.sealed
    remembered = segment.lines()
    segment.path.unlink()

    assert segment.lines() is remembered == [("p", b"one"), ("p", b"two"), ("f", b"three")]


def test_line_cut_by_a_crash_is_left_out(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"whole", b"torn"])
    spool.seal()
    path = spool.sealed[0].path
    os.truncate(path, path.stat().st_size - 3)

    assert contents(spool) == [("p", b"whole")]


def test_damaged_line_is_left_out(tmp_path):
    spool = Spool(tmp_path)
    spool.append("p", [b"first", b"second"])
    spool.seal()
    path = spool.sealed[0].path
    path.write_bytes(path.read_bytes().replace(b"first", b"fjrst"))

    assert contents(spool) == [("p", b"second")]


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
