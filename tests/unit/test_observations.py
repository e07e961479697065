"""Questions as the drift signals read them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from include.jobs.data.observations import observe, question_ids, sample_questions
from include.text.prepared import LabelledTexts, PreparedText

TEXTS = (
    PreparedText("Swift list", "A list in Swift.", ""),
    PreparedText("Swift view", "", "let view = View()"),
)
ASKED = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)]


class CountedTexts(tuple[PreparedText, ...]):
    """Texts that count how often they are read through."""

    reads = 0

    def __iter__(self) -> Iterator[PreparedText]:
        self.reads += 1
        return super().__iter__()


def test_texts_are_read_through_once() -> None:
    texts = CountedTexts(TEXTS)

    observed = observe(texts, ASKED)

    assert texts.reads == 1
    assert observed.word_counts == [6.0, 2.0]
    assert [share > 0 for share in observed.code_shares] == [False, True]


def test_a_sample_of_a_period_is_the_same_in_every_check_and_in_order_of_time() -> None:
    count, limit = 500, 40
    texts = tuple(PreparedText(f"title {n}", "", "", ("site", n)) for n in range(count))
    asked = tuple(ASKED[0] + timedelta(minutes=n) for n in range(count))
    questions = LabelledTexts(texts, (("swift",),) * count, asked)

    ids = question_ids(sample_questions(questions, limit, seed=7))

    assert ids == question_ids(sample_questions(questions, limit, seed=7))
    assert ids != question_ids(sample_questions(questions, limit, seed=8))
    assert len(set(ids)) == limit
    assert list(ids) == sorted(ids)
    assert ids[0] < count / 4
    assert ids[-1] > 3 * count / 4
