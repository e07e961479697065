"""The best schedules in hindsight, against brute force, and the prices at which policies are cheapest."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import FixInputError
from include.evaluation.decay import DecayMatrix
from include.evaluation.policies import PolicyCurve
from include.evaluation.schedules import Prices, best_schedules, cheapest_ranges, costs, regret

MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04", "2024-05")


def matrix_of(values):
    below = np.tril(np.ones(values.shape, dtype=bool), -1)
    return DecayMatrix(MONTHS[: len(values)], np.where(below, np.nan, values))


def mean_of(matrix, sizes, trainings):
    """Return the mean under a schedule, month by month."""
    used = 0
    total = 0.0
    for month in range(len(sizes)):
        used = month if month in trainings else used
        total += sizes[month] * matrix.values[used, month]
    return total / sum(sizes)


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=25, max_size=25),
    st.lists(st.integers(1, 300), min_size=5, max_size=5),
)
def test_no_schedule_of_as_many_trainings_is_better(values, sizes):
    matrix = matrix_of(np.array(values).reshape(5, 5))

    for schedule in best_schedules(matrix, sizes):
        count = len(schedule.trainings)
        all_means = [
            mean_of(matrix, sizes, {0, *later}) for later in combinations(range(1, 5), count - 1)
        ]
        positions = {MONTHS.index(month) for month in schedule.trainings}
        assert schedule.mean == pytest.approx(max(all_means))
        assert mean_of(matrix, sizes, positions) == pytest.approx(schedule.mean)


def test_model_that_was_not_tested_on_a_month_is_not_in_use_in_it():
    values = np.array([[0.5, np.nan, np.nan], [0, 0.5, 0.4], [0, 0, 0.5]])
    matrix = matrix_of(values)

    assert [one.trainings for one in best_schedules(matrix, [1, 1, 1])] == [
        MONTHS[:2],
        MONTHS[:3],
    ]


def curve(policy, trainings, mean):
    used = tuple(MONTHS[min(i, trainings - 1)] for i in range(5))
    zeros = (0.0,) * 5
    return PolicyCurve(policy, MONTHS, used, zeros, zeros, zeros, trainings, mean, 0, 0, 0)


def test_dearer_policies_are_cheapest_where_points_are_worth_more():
    found = cheapest_ranges(
        {
            "monthly": curve("monthly", 5, 0.60),
            "quarterly": curve("quarterly", 3, 0.59),
            "on_drift": curve("on_drift", 3, 0.55),
            "frozen": curve("frozen", 1, 0.55),
        }
    )

    assert found["monthly"] == (pytest.approx(2.0), np.inf)
    assert found["quarterly"] == (pytest.approx(0.5), pytest.approx(2.0))
    assert found["on_drift"] is None
    assert found["frozen"] == (0.0, pytest.approx(0.5))


@pytest.mark.parametrize(
    ("point", "cheapest"), [(0.1, "frozen"), (1.0, "quarterly"), (9, "monthly")]
)
def test_cheapest_rule_follows_the_price_of_a_point(point, cheapest):
    found = costs(
        {
            "monthly": curve("monthly", 5, 0.60),
            "quarterly": curve("quarterly", 3, 0.59),
            "frozen": curve("frozen", 1, 0.55),
        },
        Prices(training=1, point=point),
    )

    assert next(iter(found)) == cheapest
    assert found["quarterly"] == pytest.approx(3 + point)


def test_of_equal_costs_the_fewer_trainings_come_first():
    found = costs(
        {"monthly": curve("monthly", 5, 0.6), "frozen": curve("frozen", 1, 0.6)}, Prices(0, 3)
    )

    assert list(found) == ["frozen", "monthly"]


def test_negative_prices_are_refused():
    with pytest.raises(FixInputError, match="0 or more"):
        Prices(-1, 2)


def test_regret_is_the_distance_to_the_best_schedule_of_as_many_trainings():
    matrix = matrix_of(np.full((5, 5), 0.6))
    schedules = best_schedules(matrix, [1] * 5)

    assert regret(curve("quarterly", 2, 0.58), schedules) == pytest.approx(0.02)
    assert regret(curve("monthly", 5, 0.60), schedules) == 0.0
    assert regret(curve("monthly", 5, 0.60), schedules[:2]) is None
