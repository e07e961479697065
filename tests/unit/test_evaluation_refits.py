"""The best refits within months in hindsight, against brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.evaluation.metrics import DEPTH, QuestionScores
from include.evaluation.refits import Refit, best_refits, month_refits, refreshed_month

MONTHS = ("2024-04", "2024-05", "2024-06")


def scores(hits: list[bool]) -> QuestionScores:
    """Questions of one tag each, found first or not."""
    found = np.zeros((len(hits), DEPTH), dtype=bool)
    found[:, 0] = hits
    ones = np.ones(len(hits), dtype=np.int64)
    return QuestionScores(found, ones, ones)


@st.composite
def studied_month(draw):
    """Return the hits of a month's first model, and those of up to three refits on the rest."""
    count = draw(st.integers(1, 8))
    starts = sorted(draw(st.sets(st.integers(0, count), max_size=3)))
    sizes = [count, *(count - start for start in starts)]
    return [draw(st.lists(st.booleans(), min_size=size, max_size=size)) for size in sizes]


def answers(models, used):
    """Return the month's hits, question by question, by the latest of the models in use."""
    hits = list(models[0])
    for model in used:
        rest = models[model]
        hits[len(hits) - len(rest) :] = rest
    return hits


@settings(deadline=None)
@given(st.lists(studied_month(), min_size=1, max_size=3))
def test_no_choice_of_as_many_refits_is_better(drawn):
    days = [
        [f"{month}-{8 + place:02d}" for place in range(len(models) - 1)]
        for month, models in zip(MONTHS, drawn, strict=False)
    ]
    found = best_refits(
        [
            month_refits(
                month,
                scores(models[0]),
                {day: scores(rest) for day, rest in zip(each, models[1:], strict=True)},
            )
            for month, each, models in zip(MONTHS, days, drawn, strict=False)
        ]
    )

    all_days = [day for each in days for day in each]
    share = 2 / (DEPTH + 1)  # F1@5 of one tag that is found

    def mean_of(chosen):
        hits = [
            hit
            for each, models in zip(days, drawn, strict=True)
            for hit in answers(models, [each.index(day) + 1 for day in each if day in chosen])
        ]
        return share * sum(hits) / len(hits)

    assert len(found) == len(all_days) + 1
    for count, schedule in enumerate(found):
        chosen = [each for each in schedule.trainings if each in all_days]
        assert list(schedule.trainings) == sorted([*MONTHS[: len(drawn)], *chosen])
        assert schedule.mean == pytest.approx(max(map(mean_of, combinations(all_days, count))))
        assert mean_of(chosen) == pytest.approx(schedule.mean)


def test_questions_are_answered_by_the_latest_refit():
    fresh = scores([True, True, False, False, False])
    refits = [Refit(scores([True, True, False]), 1.5), Refit(scores([True]), 2.0)]

    month = refreshed_month(fresh, refits)

    assert month.scores.found[:, 0].tolist() == [True, True, True, True, True]
    assert (month.trainings, month.seconds) == (3, 3.5)


def test_refit_after_which_nothing_was_asked_before_the_next_has_no_mean_of_its_own():
    rest = scores([True])
    found = month_refits("2024-05", scores([True, False]), {"2024-05-08": rest, "2024-05-09": rest})

    assert found.questions == (1, 0, 1)
    assert np.isnan(found.f1[1][1])
    assert found.f1[1][2] == found.f1[2][2] > 0


def test_without_months_there_is_no_schedule():
    assert best_refits([]) == ()
