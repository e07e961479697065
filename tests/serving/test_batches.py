import threading

import pytest

from serving import batches
from serving.batches import Batch, Flusher


def test_notes_are_written_together_in_order():
    written = []
    batch = Batch(written.append)
    for number in range(3):
        batch.note(number)
    assert written == []

    batch.flush()
    batch.flush()

    assert written == [[0, 1, 2]]


def test_without_a_thread_notes_do_not_pile_up():
    written = []
    batch = Batch(written.append)
    for number in range(batches.MOST_NOTED + 1):
        batch.note(number)

    assert [len(part) for part in written] == [batches.MOST_NOTED]


def test_nothing_is_lost_or_doubled_among_threads():
    written = []
    batch = Batch(written.extend)

    def work(first):
        for number in range(first, first + 5000):
            batch.note(number)
            if number % 7 == 0:
                batch.flush()

    threads = [threading.Thread(target=work, args=(5000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batch.flush()

    assert sorted(written) == list(range(20_000))


def test_thread_writes_within_a_second_and_what_is_left_at_the_end():
    written, arrived = [], threading.Event()
    batch = Batch(lambda items: (written.extend(items), arrived.set()))
    flusher = Flusher((batch,))
    flusher.start()
    batch.note("early")
    assert arrived.wait(1.0)

    batch.note("late")
    flusher.close()

    assert written == ["early", "late"]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_batch_that_cannot_be_written_stops_no_other():
    def refuse(_items):
        raise OSError("disk full")

    written = []
    refused, sound = Batch(refuse), Batch(written.extend)
    refused.note(1)
    sound.note(2)
    Flusher((refused, sound)).close()

    assert written == [2]
