"""Which months a model is compared with."""

import numpy as np

from include.drift.reference import concat, reference_months, stable_months
from include.drift.samples import Observations
from include.months import months_between

YEAR = months_between("2023-01", "2023-12")


def test_reference_is_the_latest_third_of_the_training_window():
    assert reference_months(YEAR, ()) == ("2023-09", "2023-10", "2023-11", "2023-12")


def test_reference_has_six_months_at_most():
    assert len(reference_months(months_between("2020-01", "2023-12"), ())) == 6


def test_single_month_is_its_own_reference():
    assert reference_months(("2023-01",), ()) == ("2023-01",)


def test_reference_starts_at_the_last_alarm_in_the_training_window():
    assert reference_months(YEAR, {"2023-03", "2023-11"}) == ("2023-11", "2023-12")


def test_alarm_after_the_training_window_changes_nothing():
    assert reference_months(YEAR, {"2024-02"}) == reference_months(YEAR, ())


def test_short_reference_grows_by_quiet_months_that_follow_without_a_gap():
    months = reference_months(YEAR, {"2023-12"}, {"2024-01", "2024-02", "2024-04"})

    assert months == ("2023-12", "2024-01", "2024-02")


def test_grown_reference_stops_at_six_months():
    quiet = months_between("2024-01", "2024-12")

    assert reference_months(YEAR, {"2023-12"}, quiet)[-1] == "2024-05"


def test_stable_months_are_all_without_an_alarm():
    assert stable_months(YEAR, ()) == YEAR


def test_concat_keeps_order_and_drops_what_one_part_lacks():
    first = Observations(["2023-01"], [["a"]], [1.0], [0.0], f1=[0.5], vectors=np.ones((1, 2)))
    second = Observations(["2023-02"], [["b"]], [2.0], [0.1], vectors=np.zeros((1, 2)))

    both = concat([first, second])

    assert both.months == ["2023-01", "2023-02"]
    assert both.f1 is None
    assert both.vectors.tolist() == [[1.0, 1.0], [0.0, 0.0]]
