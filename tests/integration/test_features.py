"""Each text is prepared once and embedded once, whoever asks, on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from include.candidates.catalogue import make_candidate
from include.cli.app import main
from include.errors import FixInputError, MissingDataError
from include.jobs.data.features import (
    IDS_PER_CHUNK,
    cached_encoders,
    load_labelled,
    prepare_months,
)
from include.jobs.training.fit_and_score import rank_questions
from include.months import month_range
from include.questions import Question
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from include.store.windows import advance_window, open_window
from include.text.prepared import LabelledTexts, PreparedText

pytestmark = pytest.mark.integration

SITE = "devops"
QUESTION = Question(
    site=SITE,
    question_id=1,
    asked_at=datetime(2024, 1, 5, tzinfo=UTC),
    title="How do I stop a \\ pod?",
    body_html="<p>It says:</p>\n<pre><code>kubectl\tget\\n\n  pods</code></pre>",
    tags=("kubernetes", "kubectl"),
)


class CountingEncoder:
    """Embeds each text as the hash of its title, and remembers what it was asked."""

    def __init__(self, name: str = "counting-1", dimensions: int = 4) -> None:
        self.name = name
        self.dimensions = dimensions
        self.asked: list[str] = []

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        self.asked += [text.title for text in texts]
        rows = [[len(text.title), *map(ord, text.title[:3].ljust(3))] for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), 4)[:, : self.dimensions]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def store(engine: Engine, *questions: Question) -> None:
    with engine.begin() as connection:
        upsert_questions(connection, questions)


def count_rows(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def numbered(count: int, first: int = 1) -> list[PreparedText]:
    ids = range(first, first + count)
    return [PreparedText(f"{i} title", "", "", key=(SITE, i)) for i in ids]


def test_questions_are_prepared_with_tags_in_order_of_time(engine: Engine) -> None:
    later = replace(QUESTION, question_id=7, asked_at=datetime(2024, 2, 1, tzinfo=UTC), tags=("a",))
    earlier = replace(QUESTION, question_id=9, asked_at=datetime(2024, 1, 1, tzinfo=UTC))
    store(engine, later, QUESTION, earlier)

    questions = load_labelled(engine, SITE, "2024-01", "2024-02")

    assert [text.key for text in questions.texts] == [(SITE, 9), (SITE, 1), (SITE, 7)]
    assert questions.tags[1:] == (("kubernetes", "kubectl"), ("a",))
    assert questions.asked_at[1] == QUESTION.asked_at
    assert questions.texts[1] == PreparedText(
        "How do I stop a \\ pod?", "It says:", "kubectl\tget\\n\n  pods", key=(SITE, 1)
    )


def test_the_first_instant_of_the_next_month_is_left_out(engine: Engine) -> None:
    first_of_february = replace(QUESTION, question_id=2, asked_at=datetime(2024, 2, 1, tzinfo=UTC))
    store(engine, QUESTION, first_of_february)
    assert len(load_labelled(engine, SITE, "2024-01", "2024-01")) == 1


def test_a_text_is_prepared_once(engine: Engine) -> None:
    store(engine, QUESTION)
    assert prepare_months(engine, SITE, ["2024-01"]) == 1
    assert prepare_months(engine, SITE, ["2024-01"]) == 0


def test_an_edited_question_is_prepared_again(engine: Engine) -> None:
    store(engine, QUESTION)
    load_labelled(engine, SITE, "2024-01", "2024-01")
    store(engine, replace(QUESTION, title="Edited", fetched_at=datetime.now(UTC) + timedelta(1)))

    questions = load_labelled(engine, SITE, "2024-01", "2024-01")

    assert questions.texts[0].title == "Edited"
    assert count_rows(engine, "prepared_texts") == 1


def test_settled_tags_are_the_true_ones(engine: Engine) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    store(engine, QUESTION)
    store(engine, replace(QUESTION, tags=("settled",), fetched_at=later))
    assert load_labelled(engine, SITE, "2024-01", "2024-01").tags == (("settled",),)


def test_a_month_without_questions_names_the_command_that_fetches_it(engine: Engine) -> None:
    store(engine, QUESTION)
    with pytest.raises(MissingDataError, match=r"2024-02.*tagkeeper ingest --month 2024-02"):
        load_labelled(engine, SITE, "2024-01", "2024-02")


def test_an_ingested_month_without_questions_is_not_missing(engine: Engine) -> None:
    store(engine, QUESTION)
    start, end = month_range("2024-02")
    with engine.begin() as connection:
        window = open_window(connection, SITE, start, end)
        advance_window(connection, window, cursor=end, fetched=0, done=True)
    assert len(load_labelled(engine, SITE, "2024-01", "2024-02")) == 1


def test_a_partly_fetched_empty_month_is_missing(engine: Engine) -> None:
    start, end = month_range("2024-01")
    with engine.begin() as connection:
        window = open_window(connection, SITE, start, start + (end - start) / 2)
        advance_window(connection, window, cursor=window.end, fetched=0, done=True)
    with pytest.raises(MissingDataError):
        load_labelled(engine, SITE, "2024-01", "2024-01")


def test_an_empty_month_that_lost_its_fetched_questions_is_missing(engine: Engine) -> None:
    start, end = month_range("2024-01")
    with engine.begin() as connection:
        window = open_window(connection, SITE, start, end)
        advance_window(connection, window, cursor=end, fetched=3, done=True)
    with pytest.raises(MissingDataError):
        load_labelled(engine, SITE, "2024-01", "2024-01")


def test_months_in_the_wrong_order_are_rejected(engine: Engine) -> None:
    with pytest.raises(FixInputError, match="before"):
        load_labelled(engine, SITE, "2024-02", "2024-01")


def test_concurrent_preparation_neither_fails_nor_duplicates(
    database_url: str, engine: Engine
) -> None:
    store(engine, *(replace(QUESTION, question_id=i) for i in range(1, 301)))
    counts: list[int] = []

    def prepare() -> None:
        own = make_engine(database_url)
        counts.append(prepare_months(own, SITE, ["2024-01"]))
        own.dispose()

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == [0, 0, 0, 300]


def test_a_text_is_embedded_once_per_encoder(engine: Engine) -> None:
    texts = numbered(3)
    real = CountingEncoder()
    first = cached_encoders(engine, lambda name: real)("any").encode(texts)
    second = cached_encoders(engine, lambda name: real)("any").encode(texts)

    assert len(real.asked) == 3
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, CountingEncoder().encode(texts))


def test_only_what_is_missing_is_embedded(engine: Engine) -> None:
    real = CountingEncoder()
    encoder = cached_encoders(engine, lambda name: real)("any")
    encoder.encode(numbered(2))
    real.asked.clear()

    vectors = encoder.encode(numbered(4)[::-1])

    assert real.asked == ["4 title", "3 title"]
    np.testing.assert_array_equal(vectors, CountingEncoder().encode(numbered(4)[::-1]))


def test_an_edited_text_and_its_title_alone_are_embedded_separately(engine: Engine) -> None:
    real = CountingEncoder()
    encoder = cached_encoders(engine, lambda name: real)("any")
    versions = [
        PreparedText("title", "prose", "", key=(SITE, 1)),
        PreparedText("title", "edited", "", key=(SITE, 1)),
        PreparedText("title", "", "", key=(SITE, 1)),
    ]
    for _ in range(2):
        for version in versions:
            encoder.encode([version])
    assert len(real.asked) == 3


def test_a_month_that_is_evaluated_again_embeds_nothing(engine: Engine) -> None:
    texts = tuple(replace(text, prose="prose") for text in numbered(4))
    asked = tuple(QUESTION.asked_at for _ in texts)
    questions = LabelledTexts(texts, (("a",), ("b",)) * 2, asked)
    real = CountingEncoder()
    for _ in range(2):
        make = cached_encoders(engine, lambda name: real)
        candidate = make_candidate("bert", None, make).fit(texts, questions.tags, ("a", "b"))
        rank_questions(candidate, questions)

    assert len(real.asked) == 2 * len(texts), "each question, and its title alone"
    own = make_candidate("bert", None, lambda name: real).fit(texts, questions.tags, ("a", "b"))
    np.testing.assert_array_equal(candidate.score(texts), own.score(texts))


def test_a_chunk_that_another_process_computes_does_not_hold_up_the_others(
    database_url: str, engine: Engine
) -> None:
    texts = numbered(2 * IDS_PER_CHUNK, IDS_PER_CHUNK)
    entered, leave = threading.Event(), threading.Event()

    class Slow(CountingEncoder):
        def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
            entered.set()
            assert leave.wait(60)
            return super().encode(texts)

    slow, quick = Slow(), CountingEncoder()
    other = make_engine(database_url)
    busy = threading.Thread(
        target=lambda: cached_encoders(other, lambda name: slow)("any").encode(texts[:5])
    )
    busy.start()
    assert entered.wait(60)
    seen: list[tuple[int, int]] = []

    def show(done: int, total: int) -> None:
        seen.append((done, total))
        leave.set()  # the other chunk is computed: only now may the first one end

    vectors = cached_encoders(engine, lambda name: quick, show)("any").encode(texts)
    busy.join()
    other.dispose()

    assert len(vectors) == len(texts)
    assert seen[0] == (IDS_PER_CHUNK, 2 * IDS_PER_CHUNK)
    assert len(slow.asked) + len(quick.asked) == len(texts)


def test_each_encoder_has_its_own_vectors(engine: Engine) -> None:
    one, two = CountingEncoder("one"), CountingEncoder("two")
    make = cached_encoders(engine, {"one": one, "two": two}.__getitem__)
    make("one").encode(numbered(1))
    make("two").encode(numbered(1))
    assert (one.asked, two.asked) == (["1 title"], ["1 title"])


def test_a_text_without_key_is_not_stored(engine: Engine) -> None:
    real = CountingEncoder()
    encoder = cached_encoders(engine, lambda name: real)("any")
    texts = [PreparedText("loose", "", ""), *numbered(1)]

    vectors = encoder.encode(texts)

    np.testing.assert_array_equal(vectors, CountingEncoder().encode(texts))
    assert count_rows(engine, "embeddings") == 1


def test_one_text_twice_in_a_call_is_embedded_once(engine: Engine) -> None:
    real = CountingEncoder()
    vectors = cached_encoders(engine, lambda name: real)("any").encode(numbered(1) * 2)
    assert real.asked == ["1 title"]
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_no_texts_give_no_vectors(engine: Engine) -> None:
    assert cached_encoders(engine, lambda name: CountingEncoder())("any").encode([]).shape == (0, 4)


def test_a_vector_of_another_length_is_replaced(engine: Engine) -> None:
    cached_encoders(engine, lambda name: CountingEncoder(dimensions=2))("any").encode(numbered(1))
    real = CountingEncoder(dimensions=4)
    for _ in range(2):
        cached_encoders(engine, lambda name: real)("any").encode(numbered(1))
    assert real.asked == ["1 title"]


def test_an_interrupted_run_keeps_its_finished_chunks(engine: Engine) -> None:
    class Failing(CountingEncoder):
        def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
            if self.asked:
                raise KeyboardInterrupt
            return super().encode(texts)

    with pytest.raises(KeyboardInterrupt):
        cached_encoders(engine, lambda name: Failing())("any").encode(
            numbered(2 * IDS_PER_CHUNK, IDS_PER_CHUNK)
        )
    real = CountingEncoder()
    cached_encoders(engine, lambda name: real)("any").encode(
        numbered(2 * IDS_PER_CHUNK, IDS_PER_CHUNK)
    )

    assert len(real.asked) == IDS_PER_CHUNK


def test_a_run_that_would_take_hours_says_so_before_its_second_chunk(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(CountingEncoder):
        def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
            if self.asked:
                raise KeyboardInterrupt
            time.sleep(0.5)  # at most 2 a second: more than 3,999 s for those that are left
            return super().encode(texts)

    with pytest.raises(KeyboardInterrupt):
        cached_encoders(engine, lambda name: Slow())("any").encode(
            numbered(8_000, IDS_PER_CHUNK - 1)
        )

    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith("counting-1: 7999 texts at ")
    assert "hours; a shorter training window or a candidate without this encoder" in warning


def test_progress_counts_what_is_computed(engine: Engine) -> None:
    seen: list[tuple[int, int]] = []
    make = cached_encoders(
        engine, lambda name: CountingEncoder(), lambda done, total: seen.append((done, total))
    )
    make("any").encode(numbered(IDS_PER_CHUNK + 1, IDS_PER_CHUNK))
    assert seen == [(IDS_PER_CHUNK, IDS_PER_CHUNK + 1), (IDS_PER_CHUNK + 1,) * 2]


def test_two_processes_share_the_work(database_url: str, engine: Engine) -> None:
    real = CountingEncoder()
    barrier = threading.Barrier(3)

    def embed() -> None:
        own = make_engine(database_url)
        barrier.wait()
        cached_encoders(own, lambda name: real)("any").encode(numbered(300))
        own.dispose()

    threads = [threading.Thread(target=embed) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(real.asked) == 300
    assert count_rows(engine, "embeddings") == 300


def test_the_command_prepares_and_embeds_stored_questions(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SITE", SITE)
    store(engine, QUESTION)

    assert main(["transform", "--from", "2024-01", "--encoder", "use"]) == 0

    assert count_rows(engine, "prepared_texts") == 1
    assert count_rows(engine, "embeddings") == 1


def test_the_command_fails_if_a_month_is_missing(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["transform", "--from", "2024-01", "--to", "2024-02"]) == 1
    assert "tagkeeper ingest --month 2024-01" in " ".join(capsys.readouterr().err.split())
