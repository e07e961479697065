import threading

import pytest

from serving import write_buffers
from serving.write_buffers import MAX_WAITING, Flusher, WriteBuffer


def test_items_are_written_together_in_order():
    written = []
    buffer = WriteBuffer(written.append)
    for number in range(3):
        buffer.add(number)
    assert written == []

    buffer.flush()
    buffer.flush()

    assert written == [[0, 1, 2]]


def test_full_buffer_flushes_itself():
    written = []
    buffer = WriteBuffer(written.append)
    for number in range(write_buffers.MAX_BUFFERED + 1):
        buffer.add(number)

    assert [len(part) for part in written] == [write_buffers.MAX_BUFFERED]


def test_concurrent_adds_lose_and_double_nothing():
    written = []
    buffer = WriteBuffer(written.extend)

    def work(first):
        for number in range(first, first + 5000):
            buffer.add(number)
            if number % 7 == 0:
                buffer.flush()

    threads = [threading.Thread(target=work, args=(5000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    buffer.flush()

    assert sorted(written) == list(range(20_000))


def test_flusher_writes_within_a_second_and_a_last_time_when_closed():
    written, arrived = [], threading.Event()
    buffer = WriteBuffer(lambda items: (written.extend(items), arrived.set()))
    flusher = Flusher((buffer,))
    flusher.start()
    buffer.add("early")
    assert arrived.wait(1.0)

    buffer.add("late")
    flusher.close()

    assert written == ["early", "late"]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_failing_buffer_does_not_stop_the_others():
    def fail(_items):
        raise OSError("disk full")

    written = []
    failing, working = WriteBuffer(fail), WriteBuffer(written.extend)
    failing.add(1)
    working.add(2)
    Flusher((failing, working)).close()

    assert written == [2]


def test_reader_of_log_lines_that_hangs_delays_nobody_and_memory_stays_bounded():
    began, go_on = threading.Event(), threading.Event()

    def hang(items):
        began.set()
        go_on.wait(30)

    buffer = WriteBuffer(hang)
    buffer.add(0)
    flusher = threading.Thread(target=buffer.flush)
    flusher.start()
    began.wait(10)
    try:
        for number in range(MAX_WAITING + 100):
            buffer.add(number)
    finally:
        go_on.set()
        flusher.join()

    assert buffer.dropped == 100
