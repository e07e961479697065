from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import FixInputError
from include.months import (
    add_months,
    check_month,
    month_of,
    month_range,
    months_between,
    resolve_month,
)

MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(1990, 2200), st.integers(1, 12))


@pytest.mark.parametrize("wrong", ["2024-13", "2024-00", "2024-1", "24-01", "2024-01-01", "", "x"])
def test_month_in_another_format_is_refused(wrong):
    with pytest.raises(FixInputError, match="2024-02"):
        check_month(wrong)


@given(MONTHS, st.integers(-500, 500))
def test_adding_months_can_be_undone(month, count):
    assert add_months(add_months(month, count), -count) == month


@given(MONTHS)
def test_consecutive_months_have_no_gap(month):
    assert month_range(month)[1] == month_range(add_months(month, 1))[0]


@given(MONTHS)
def test_range_contains_its_start_and_not_its_end(month):
    start, end = month_range(month)
    assert month_of(start) == month_of(end - timedelta(microseconds=1)) == month
    assert month_of(end) == add_months(month, 1)


def test_month_of_a_moment_is_its_utc_month():
    new_year_in_tokyo = datetime(2024, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert month_of(new_year_in_tokyo) == "2023-12"


def test_naive_moment_is_refused():
    with pytest.raises(FixInputError, match="time zone"):
        month_of(datetime(2024, 1, 1))


def test_months_between_are_empty_if_the_first_is_later():
    assert months_between("2024-02", "2024-01") == ()


def test_month_param_has_precedence_over_the_data_interval():
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
    assert resolve_month({"month": "2019-12"}, start, end) == "2019-12"


def test_scheduled_run_has_the_month_of_its_data_interval():
    start, end = datetime(2023, 12, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    assert resolve_month({"month": None}, start, end) == "2023-12"


@pytest.mark.parametrize("params", [{}, {"month": None}, {"month": ""}])
def test_manual_run_without_a_month_says_how_to_set_it(params):
    with pytest.raises(FixInputError, match="'month'"):
        resolve_month(params, None, None)


def test_empty_data_interval_is_refused():
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    with pytest.raises(FixInputError, match="empty"):
        resolve_month({}, moment, moment)
