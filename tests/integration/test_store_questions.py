import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from include.questions import Question
from include.store.questions import questions_per_month, read_questions, upsert_questions

pytestmark = pytest.mark.integration

READ = datetime(2024, 3, 1, tzinfo=UTC)
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)


def question(question_id: int = 1, **changes: object) -> Question:
    base = Question(
        site="sandbox",
        question_id=question_id,
        asked_at=datetime(2024, 1, 5, tzinfo=UTC) + timedelta(days=question_id),
        title="How do I merge?",
        body_html="<p>How?</p>",
        tags=("git", "merge"),
        score=1,
        view_count=2,
        answer_count=3,
        link="https://sandbox/q/1",
        author="Ann",
        licence="CC BY-SA 4.0",
        fetched_at=READ,
    )
    return replace(base, **changes)


def store(engine, *questions: Question) -> int:
    with engine.begin() as connection:
        return upsert_questions(connection, questions)


def stored(engine) -> list[Question]:
    with engine.connect() as connection:
        return read_questions(connection, "sandbox", START, END)


def tag_row(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT * FROM question_tags")).one()


def test_stored_question_is_read_back_unchanged(engine):
    given = [question(1), question(2)]
    assert store(engine, *given) == 2
    assert stored(engine) == given


@pytest.mark.parametrize(
    "awkward",
    [
        "tab\tnew\nline\r\nreturn",
        r"back\slash \N \. \t",
        "\\.",
        "\n\\.\n",
        "\\N",
        "",
        "quote ' \" , {a} ∂ 🎉 \u2028 %s :name",
    ],
)
def test_special_characters_are_stored_unchanged(engine, awkward):
    given = question(title=awkward, body_html=awkward, author=awkward, tags=("c++", 'a"b\\,{}'))
    store(engine, given)
    assert stored(engine) == [given]


def test_nul_becomes_a_space_because_postgresql_cannot_hold_it(engine):
    store(engine, question(title="a\x00b"))
    assert stored(engine)[0].title == "a b"


def test_lone_surrogate_does_not_stop_the_batch(engine):
    store(engine, question(1, title="bad \ud83d"), question(2))
    assert [q.title for q in stored(engine)] == ["bad ?", "How do I merge?"]


def test_question_without_tags_is_stored(engine):
    store(engine, question(tags=()))
    assert stored(engine)[0].tags == ()


def test_same_question_twice_is_one_row(engine):
    assert store(engine, question(), question(title="Edited")) == 1
    assert [q.title for q in stored(engine)] == ["Edited"]


def test_later_version_replaces_text_and_counts(engine):
    store(engine, question())
    edited = question(
        title="Edited", body_html="<p>New</p>", score=9, fetched_at=READ + timedelta(days=1)
    )
    store(engine, edited)
    assert stored(engine) == [edited]


def test_older_version_overwrites_nothing(engine):
    store(engine, question())
    store(engine, question(title="Old", tags=("old",), fetched_at=READ - timedelta(days=1)))
    assert stored(engine) == [question()]


def test_unchanged_question_is_not_written_again(engine):
    store(engine, question())
    store(engine, question(fetched_at=READ + timedelta(days=1)))
    assert stored(engine) == [question()]


def test_first_seen_tags_are_kept_beside_the_settled_ones(engine):
    later = READ + timedelta(days=30)
    store(engine, question())
    store(engine, question(tags=("git", "rebase"), fetched_at=later))
    row = tag_row(engine)
    assert (row.first_tags, row.first_seen_at) == (["git", "merge"], READ)
    assert (row.settled_tags, row.settled_seen_at) == (["git", "rebase"], later)
    assert stored(engine)[0].tags == ("git", "rebase")


def test_reordered_tags_are_no_settled_tags(engine):
    store(engine, question())
    store(engine, question(tags=("merge", "git"), fetched_at=READ + timedelta(days=1)))
    assert tag_row(engine).settled_tags is None


def test_restored_tags_settle_on_the_first_ones(engine):
    for days, tags in enumerate([("git",), ("svn",), ("git",)]):
        store(engine, question(tags=tags, fetched_at=READ + timedelta(days=days)))
    row = tag_row(engine)
    assert (row.settled_tags, row.settled_seen_at) == (["git"], READ + timedelta(days=2))


def test_moved_question_is_not_stored_twice(engine):
    store(engine, question())
    moved = question(asked_at=datetime(2024, 2, 9, tzinfo=UTC))
    store(engine, moved)
    assert stored(engine) == [moved]
    assert tag_row(engine).asked_at == moved.asked_at


def test_same_id_on_two_sites_is_two_questions(engine):
    store(engine, question(), question(site="other"))
    assert len(stored(engine)) == 1


def test_range_is_half_open(engine):
    inside, outside = question(1, asked_at=START), question(2, asked_at=END)
    store(engine, inside, outside)
    assert stored(engine) == [inside]


def test_months_are_counted_in_utc(engine):
    store(
        engine,
        question(1, asked_at=datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC)),
        question(2, asked_at=datetime(2024, 2, 1, tzinfo=UTC)),
        question(3, asked_at=datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    )
    with engine.connect() as connection:
        assert questions_per_month(connection, "sandbox") == {"2024-01": 1, "2024-02": 2}


def test_iterable_longer_than_a_batch_is_stored_completely(engine):
    from include.store.question_batches import BATCH

    count = BATCH + 3
    start = datetime(2024, 1, 1, tzinfo=UTC)
    many = (question(i, asked_at=start + timedelta(minutes=i)) for i in range(1, count + 1))
    with engine.begin() as connection:
        assert upsert_questions(connection, many) == count
        assert sum(questions_per_month(connection, "sandbox").values()) == count


def test_rolled_back_transaction_stores_nothing(engine):
    with engine.connect() as connection:
        upsert_questions(connection, [question()])
        connection.rollback()
    assert stored(engine) == []


def test_concurrent_sessions_create_the_same_partitions(engine):
    from concurrent.futures import ThreadPoolExecutor

    def work(offset: int) -> int:
        return store(
            engine,
            *(
                question(offset + i, asked_at=datetime(2022, 1 + i, 3, tzinfo=UTC))
                for i in range(12)
            ),
        )

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, [0, 0, 100, 100])) == [12] * 4
    with engine.connect() as connection:
        assert set(questions_per_month(connection, "sandbox").values()) == {2}


def test_batch_with_one_stored_question_is_merged_with_the_new_ones(engine):
    store(engine, question(1))
    later = READ + timedelta(days=1)
    store(engine, *[question(i, title="Edited", fetched_at=later) for i in (1, 2, 3)])

    assert [(q.question_id, q.title) for q in stored(engine)] == [
        (1, "Edited"),
        (2, "Edited"),
        (3, "Edited"),
    ]


def test_question_that_another_session_stores_at_the_same_moment_is_merged(engine):
    with engine.connect() as first, ThreadPoolExecutor(1) as other:
        upsert_questions(first, [question(1), question(2)])
        waiting = other.submit(store, engine, question(1, title="Edited"), question(3))
        wait_for_blocked_session(engine)
        first.commit()
        assert waiting.result(timeout=60) == 2

    assert [(q.question_id, q.title) for q in stored(engine)] == [
        (1, "Edited"),
        (2, "How do I merge?"),
        (3, "How do I merge?"),
    ]


def wait_for_blocked_session(engine) -> None:
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(text(blocked)).scalar_one():
            time.sleep(0.01)


def test_source_that_fails_stores_nothing(engine):
    def failing():
        yield from (question(i) for i in range(1, 5_002))
        raise RuntimeError("the source is cut")

    with (
        pytest.raises(RuntimeError, match="the source is cut"),
        engine.begin() as connection,
    ):
        upsert_questions(connection, failing())
    assert stored(engine) == []
