"""What makes a surge of new tags, at every volume."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from include.evaluation.surge import (
    MIN_SPANS,
    SURGE_SHARE,
    SURGE_USES,
    PastSpan,
    SurgeLimits,
    past_spans,
    surge_limits,
    surging_tags,
)

UNTIL = datetime(2024, 3, 1, tzinfo=UTC)


def usual_week(random: np.random.Generator) -> PastSpan:
    """A week of a large site: a hundred rare tags, none with more than a dozen uses."""
    uses = random.poisson(3, 100)
    return PastSpan(15_000, tuple(int(n) for n in uses if n >= SURGE_USES))


def test_few_uses_of_a_new_tag_surge_where_none_was_used_as_often_for_a_year():
    year = [PastSpan(25)] * 52
    assert surging_tags({"swiftui": 4}, 25, year) == ("swiftui",)
    assert surging_tags({"swiftui": 2}, 25, year) == ()


def test_release_on_half_a_per_cent_of_a_large_site_surges_and_its_usual_rare_tags_do_not():
    random = np.random.default_rng(1)
    past = [usual_week(random) for _ in range(26)]
    rare = {f"rare-{i}": n for i, n in enumerate(usual_week(random).uses)}

    assert surging_tags(rare, 15_000, past) == ()
    assert surging_tags(rare | {"release": 75}, 15_000, past) == ("release",)


def test_limits_rise_with_the_uses_that_past_spans_had():
    limits = [surge_limits(100, [PastSpan(100, (uses,))] * 20) for uses in (3, 6, 12)]
    assert [limit.of_a_tag for limit in limits] == [4, 7, 13]
    assert limits[0].together < limits[1].together < limits[2].together


def test_one_past_release_does_not_hide_the_next():
    past = [PastSpan(100)] * 30 + [PastSpan(100, (25,))] + [PastSpan(100)] * 5
    assert surging_tags({"release": 90}, 100, past) == ("release",)


def test_more_accepted_false_surges_lower_the_limit():
    past = [PastSpan(100, (3,)), PastSpan(100)] * 10
    assert surge_limits(100, past, 12).together < surge_limits(100, past, 0.1).together


@pytest.mark.parametrize("past", [[PastSpan(100)] * (MIN_SPANS - 1), [PastSpan(0)] * 20])
def test_share_of_the_questions_decides_while_the_past_is_too_short(past):
    assert surge_limits(200, past) == SurgeLimits(SURGE_USES, SURGE_SHARE * 200)


def asked(*days: tuple[int, str]) -> tuple[list[datetime], list[tuple[str, ...]]]:
    """Return questions so many days before `UNTIL`, with one tag each."""
    oldest_first = sorted(days, reverse=True)
    return [UNTIL - timedelta(days=day) for day, _ in oldest_first], [(t,) for _, t in oldest_first]


def test_past_spans_have_what_was_new_then_and_used_often():
    asked_at, tags = asked(
        (80, "old"), *((day, "new") for day in (5, 6, 7)), *((day, "old") for day in (1, 2, 3)),
        (4, "once"),
    )  # fmt: skip
    spans = past_spans(asked_at, tags, until=UNTIL, days=20, least_uses=1)

    assert spans == [PastSpan(0), PastSpan(7, (3,))]


def test_past_spans_do_not_look_ahead():
    asked_at, tags = asked((80, "old"), *((day, "new") for day in (1, 2, 3)))
    earlier = UNTIL - timedelta(days=20)

    assert past_spans(asked_at, tags, until=earlier, days=10, least_uses=1) == [PastSpan(0)] * 3


def test_site_without_questions_has_no_past():
    assert past_spans([], [], until=UNTIL, days=7, least_uses=1) == []
