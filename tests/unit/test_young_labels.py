"""What a check takes off F1's fall where the month's tags are young."""

from datetime import UTC, datetime

import pytest

from include.drift.signal_types import SignalValue
from include.drift.young_labels import YoungLabels, without_explained_fall
from include.store.label_readings import LabelAgreement, mean_agreement


def agreement(month: str, mean_f1: float | None, compared: int = 100) -> LabelAgreement:
    moment = datetime(2024, 6, 15, tzinfo=UTC)
    return LabelAgreement(month, compared, compared, 0, mean_f1, 1.0, 30.0, 1, moment)


def test_explained_fall_is_taken_off_f1s_fall_and_its_interval_only():
    values = [
        SignalValue("f1_fall", 0.05, "Welch", interval=(0.01, 0.09)),
        SignalValue("new_tags", 0.05, "share", interval=None),
    ]
    fall, other = without_explained_fall(values, 0.02)
    assert fall.value == pytest.approx(0.03)
    assert fall.interval == pytest.approx((-0.01, 0.07))
    assert other == values[1]


@pytest.mark.parametrize(
    ("young", "explained", "said"),
    [
        (YoungLabels(0.25, 7, 0.9, 3), 0.0125, "Of F1's fall 0.0125 is not counted: 25% more tags"),
        (YoungLabels(0.25, 7, None, 0), 0.0, "F1's fall is counted as measured: 25% more tags"),
        (YoungLabels(0.0, 7, 0.9, 3), 0.0, ""),
    ],
    ids=["known", "no agreement is recorded", "no tag is young"],
)
def test_what_is_not_counted_is_said(young, explained, said):
    assert young.explained_fall(0.5) == pytest.approx(explained)
    assert young.sentence(0.5).startswith(said)
    assert bool(young.sentence(0.5)) == bool(said)


def test_agreement_is_the_mean_of_the_questions_of_the_latest_earlier_months():
    known = [
        agreement("2023-01", 0.1, 1_000),  # the seventh before
        *(agreement(f"2023-0{n}", 0.9) for n in range(2, 7)),
        agreement("2023-07", 0.8, 500),
        agreement("2023-08", 0.2),
    ]
    mean, months = mean_agreement(known, before="2023-08")
    assert mean == pytest.approx((5 * 0.9 * 100 + 0.8 * 500) / 1_000)
    assert months == 6


@pytest.mark.parametrize(
    "known", [[], [agreement("2023-07", 0.9, 49)], [agreement("2023-07", None, 0)]]
)
def test_agreement_of_too_few_questions_is_none(known):
    assert mean_agreement(known, before="2023-08") == (None, 0)
