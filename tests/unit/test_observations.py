"""Questions as the drift signals read them."""

from collections.abc import Iterator
from datetime import UTC, datetime

from include.jobs.data.observations import observe
from include.text.prepared import PreparedText

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
