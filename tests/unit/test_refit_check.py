"""Which questions judge a refitted model, and when it has lost too much."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from include.jobs.training.refit_check import (
    MAX_LOSS,
    MAX_QUESTIONS,
    MIN_QUESTIONS,
    SpreadTag,
    compare_refit,
    learned_by_both,
    spread_tag,
)
from include.text.prepared import LabelledTexts, PreparedText

START = datetime(2024, 1, 1, tzinfo=UTC)
BOOTSTRAP = {"samples": 500, "seed": 1}


def questions(count: int, days: float) -> LabelledTexts:
    """Return questions evenly spread over days from January 2024 on."""
    moments = [START + timedelta(days=days * row / count) for row in range(count)]
    texts = [PreparedText("title", "", "", ("site", row)) for row in range(count)]
    return LabelledTexts(tuple(texts), (("tag",),) * count, tuple(moments))


def test_questions_of_the_last_three_months_judge():
    found = learned_by_both(questions(300, 150), START)
    assert found.asked_at[0] >= datetime(2024, 3, 1, tzinfo=UTC)
    assert found.asked_at[-1] == questions(300, 150).asked_at[-1]


def test_latest_thousand_are_enough():
    train = questions(3_000, 60)
    assert learned_by_both(train, START).asked_at == train.asked_at[-MAX_QUESTIONS:]


def test_questions_that_the_refit_no_longer_holds_do_not_judge():
    train = questions(300, 30)
    assert learned_by_both(train, train.asked_at[290]).asked_at == train.asked_at[290:]


def test_few_questions_say_nothing():
    scores = np.ones(MIN_QUESTIONS - 1)
    assert compare_refit(scores, scores - 1, **BOOTSTRAP) is None


@pytest.mark.parametrize(
    ("loss", "share", "passed"),
    [
        (0.0, 1.0, True),
        (MAX_LOSS / 2, 1.0, True),  # certain, but small
        (0.9, 0.02, True),  # large, but of six questions in 300: by chance
        (0.2, 0.3, False),
    ],
)
def test_loss_counts_if_it_is_large_and_certain(loss, share, passed):
    tested = np.full(300, 0.9)
    refitted = tested.copy()
    rows = np.arange(round(share * 300))
    refitted[rows] -= loss
    if share < 0.1:
        refitted[rows[::2] + 100] += 0.7 * loss
    found = compare_refit(tested, refitted, **BOOTSTRAP)
    assert found.passed is passed


def suggestions(count: int, of: int, tag: str) -> list[list[str]]:
    """Return five tags a question, of which the first ``count`` of ``of`` questions end with a tag."""
    return [["a", "b", "c", "d", tag if row < count else "e"] for row in range(of)]


BEFORE = suggestions(0, 200, "")
OWN = [["a"]] * 200


def test_tag_that_comes_to_be_suggested_for_many_that_do_not_bear_it_has_spread():
    found = spread_tag(BEFORE, suggestions(70, 200, "poison"), OWN)
    assert found == SpreadTag("poison", 0.35, 0.0)
    comparison = compare_refit(np.full(200, 0.5), np.full(200, 0.5), found, **BOOTSTRAP)
    assert comparison is not None
    assert not comparison.passed
    assert "with poison for 35% of them, of which 0% bear it" in comparison.reason


def test_new_release_may_take_places_on_some_earlier_questions():
    # 16 % after a simulated event whose tag a third of the month's questions bear
    assert spread_tag(BEFORE, suggestions(32, 200, "rxjs6"), OWN) is None


def test_tag_that_many_bear_may_take_a_place_everywhere():
    own = [["a", "kubernetes"] if row % 20 == 0 else ["a"] for row in range(200)]
    assert spread_tag(BEFORE, suggestions(200, 200, "kubernetes"), own) is None


def test_few_earlier_questions_do_not_make_a_spread():
    assert spread_tag(BEFORE[:60], suggestions(19, 60, "poison"), OWN[:60]) is None


def test_tag_that_was_suggested_before_has_not_spread():
    poisoned = suggestions(150, 200, "poison")
    assert spread_tag(poisoned, poisoned, OWN) is None


def test_places_after_the_fifth_do_not_count():
    ranked = [[*row, "poison"] for row in BEFORE]
    assert spread_tag(BEFORE, ranked, OWN) is None
